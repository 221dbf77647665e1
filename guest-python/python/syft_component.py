"""The component: what the host calls, on the way to the program of the author."""

import gc

from componentize_py_types import Err
from syft_guest import access_rules, alone, kept_files, log, start, state
from syft_guest.web import clients, sockets, tls

# Before anything that looks for `ssl` when it is imported, as asyncio does.
for _part in (sockets, tls, clients, alone, log, start, state, access_rules, kept_files):
    _part.install()

from syft_guest import loop  # noqa: E402

loop.install()

from syft_guest import apart, calls, program, rehearsal, testing  # noqa: E402

from wit_world import exports  # noqa: E402
from wit_world.exports import rpc, schedules, watch  # noqa: E402
from wit_world.imports import syft_app_types as types  # noqa: E402

if program.is_there():
    program.load()
else:
    apart.load()


def _described(entry):
    # In the words of the release, then in those of JSON Schema.
    return rpc.Endpoint(
        path=entry["path"],
        description=entry["description"],
        parameters=[rpc.Parameter(**parameter) for parameter in entry["parameters"]],
        returns_json=entry["returns_json"],
        returns_schema_json=entry["returns_schema_json"],
    )


def _endpoints():
    return [_described(entry) for entry in program.described()]


# Made now, so that being asked costs nothing.
_ENDPOINTS = _endpoints()


def _watch(one):
    kinds = watch.EventKinds(0)
    for kind in one["kinds"]:
        kinds |= watch.EventKinds[kind.upper()]
    return watch.Watch(patterns=one["patterns"], events=kinds)


def _watches():
    return [_watch(one) for one in program.watched()]


_WATCHES = _watches()


def _timing(one):
    if one["cron"] is not None:
        return schedules.Timing_Cron(one["cron"])
    if one["every"] is not None:
        return schedules.Timing_Every(one["every"])
    return schedules.Timing_Manifest()


def _schedules():
    return [
        schedules.Schedule(
            name=one["name"],
            timing=_timing(one),
            time_zone=one["time_zone"],
            missed=schedules.Missed[one["missed"].upper().replace("-", "_")],
        )
        for one in program.scheduled()
    ]


_SCHEDULES = _schedules()


def _failure(failed):
    return types.Failure(kind=failed.kind, message=failed.message, handler=failed.handler)


class Rpc(exports.Rpc):
    def endpoints(self):
        return _endpoints() if apart.begin() else _ENDPOINTS

    def handle(self, request):
        if apart.begin() and not program.starts_in_calls():
            return types.Response(status=200, headers=[], body=apart.try_out())
        if testing.is_test(request.endpoint):
            return types.Response(status=200, headers=[], body=testing.run(request.endpoint))
        try:
            status, headers, body = calls.answer(request)
        except calls.InvalidArguments as error:
            text = str(error).encode("utf-8", "replace").decode()
            raise Err(rpc.Error_InvalidArguments(text)) from None
        except calls.Failed as error:
            raise Err(rpc.Error_Failed(_failure(error))) from None
        return types.Response(status=status, headers=headers, body=body)


class Watch(exports.Watch):
    def watches(self):
        return _watches() if apart.begin() else _WATCHES

    def on_event(self, event):
        apart.begin()
        try:
            calls.deliver(event.watch, event.kind.name.lower(), event.path, event.moved_from)
        except calls.Failed as error:
            raise Err(_failure(error)) from None


class Replies(exports.Replies):
    def on_reply(self, reply):
        apart.begin()
        try:
            calls.take_reply(reply)
        except calls.Failed as error:
            raise Err(_failure(error)) from None


class Schedules(exports.Schedules):
    def schedules(self):
        return _schedules() if apart.begin() else _SCHEDULES

    def on_due(self, due):
        apart.begin()
        try:
            calls.run_due(due.id, due.schedule, due.due, due.attempt)
        except calls.Failed as error:
            raise Err(_failure(error)) from None


_SAMPLE = types.Request(
    id="00000000-0000-0000-0000-000000000000",
    endpoint="/sample",
    sender="ada@example.com",
    sender_proof=types.SenderProof.FOLDER,
    url="syft://ada@example.com/app_data/sample/rpc/sample",
    method=types.Method.POST,
    headers=[("Accept", "application/json")],
    body=b'{"name": "Ada"}',
    created=0,
    expires=0,
)

rehearsal.run(_SAMPLE)

# What is there now stays: looking for garbage among it would touch, and so copy, all of it
# in each call.
gc.collect()
gc.freeze()
