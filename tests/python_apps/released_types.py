"""Runs under SyftEvent and in the sandbox: what the types of the release take, hold and give."""

import datetime
import json
import pathlib
import tempfile
import uuid

from syft_core.url import SyftBoxURL
from syft_event import EventRouter, Request, Response, SyftEvents
from syft_rpc.protocol import SyftMessage, SyftMethod, SyftRequest, SyftResponse, SyftStatus
from syft_rpc.rpc import serialize
from syft_rpc.util import parse_duration

box = SyftEvents("differential")

ID = "12345678-1234-4234-8234-123456789abc"
URL = "syft://a@b.org/app_data/x/rpc/e?a=1&b=c"
NOON = datetime.datetime(2024, 1, 2, 12, 0, 0, 678, tzinfo=datetime.timezone.utc)


def asked(**fields):
    return Request(**{"id": "1", "sender": "a", "url": URL, "body": b"x", "method": "GET"} | fields)


def sent(kind=SyftRequest, **fields):
    known = {"id": ID, "sender": "a", "url": URL, "body": b"\xff{}", "created": NOON}
    return kind(**known | {"expires": NOON, "headers": {"x": "\u00fc"}} | fields)


def kept(message):
    with tempfile.TemporaryDirectory() as folder:
        message.dump(f"{folder}/message")
        loaded = type(message).load(f"{folder}/message")
        return [pathlib.Path(folder, "message").read_text(), loaded == message]


def changed(model, **values):
    for name, value in values.items():
        setattr(model, name, value)
    return model


def twice(router):
    router.on_request("/a")(len)
    router.on_request("/a")(repr)
    return router.routes


def failed(make):
    try:
        return make()
    except (OSError, TypeError) as error:
        return type(error)


def method_shown(request):
    method = request.method
    forms = [f"{method}", str(method), "%s" % method, "{}".format(method), repr(method)]
    return [*forms, json.dumps(method), type(method), method.upper(), {method: 1}]


WIRE = {"sender": "a", "url": "syft://a@b.org/x"}


def read(kind=SyftRequest, **fields):
    return kind.model_validate_json(json.dumps(WIRE | fields))


TYPES = {
    "method": lambda: method_shown(asked(method=SyftMethod.PUT)),
    "method_of_message": lambda: [f"{sent().method}", repr(sent(method="POST").method)],
    "request": lambda: [asked(), str(asked()), list(asked()), vars(asked())],
    "request_of_nothing": Request,
    "request_of_id": lambda: Request(id="1"),
    "request_without_body": lambda: Request(id="1", sender="a", url=URL, method="GET"),
    "request_more": lambda: asked(more=1),
    "request_by_place": lambda: failed(lambda: Request("1", "a", URL)),
    "request_number": lambda: asked(id=1, sender=2),
    "request_uuid": lambda: asked(id=uuid.UUID(ID)),
    "request_bytes": lambda: [asked(sender=b"a").sender, asked(body="x").body],
    "request_body_number": lambda: asked(body=5),
    "request_url": lambda: asked(url="http://x"),
    "request_headers": lambda: asked(headers={"a": 1, 2: "b"}),
    "request_headers_list": lambda: asked(headers=[]),
    "request_dump": lambda: [asked().model_dump(), asked().model_dump(mode="json")],
    "request_dump_parts": lambda: asked().model_dump(include={"id", "url"}, exclude={"url"}),
    "request_dump_unset": lambda: asked().model_dump(exclude_unset=True),
    "request_dump_none": lambda: asked(body=None).model_dump(exclude_none=True),
    "request_json": lambda: [asked().model_dump_json(), asked().model_dump_json(indent=1)],
    "request_fields": lambda: [list(Request.model_fields), sorted(asked().model_fields_set)],
    "request_schema": lambda: [Request.model_json_schema(), Response.model_json_schema()],
    "request_set": lambda: [changed(asked(), id=5).id, changed(asked(), nothing=5)],
    "request_get": lambda: asked().nothing,
    "request_equal": lambda: [asked() == asked(), asked() == asked(id="2"), asked() == 1],
    "request_hash": lambda: hash(asked()),
    "request_copy": lambda: asked().model_copy(update={"id": "2"}, deep=True),
    "request_validate": lambda: Request.model_validate(asked().model_dump()),
    "request_validate_text": lambda: Request.model_validate("x"),
    "request_construct": lambda: Request.model_construct(id=5),
    "response_more": lambda: Response(bdy=1),
    "response_by_place": lambda: failed(lambda: Response("x")),
    "response_codes": lambda: [Response(status_code=it) for it in ("404", 404.0, True, b"1")],
    "response_code_of_status": lambda: type(Response(status_code=SyftStatus.OK).status_code),
    "response_code_text": lambda: Response(status_code="x"),
    "response_code_part": lambda: Response(status_code=2.5),
    "response_code_none": lambda: Response(status_code=None),
    "response_headers": lambda: Response(headers={"a": None}),
    "response_dump": lambda: Response(body={"a": 1, "b": 2}).model_dump(include={"body": {"a"}}),
    "response_of_model": lambda: Response(body=[asked()]).model_dump_json(),
    "response_defaults": lambda: Response(body=1).model_dump(exclude_defaults=True),
    "message": lambda: [sent(), str(sent()), sent(SyftResponse, status_code=404)],
    "message_of_nothing": SyftRequest,
    "message_more": lambda: sent(more=1),
    "message_dump": lambda: [sent().model_dump(), sent().model_dump(mode="json")],
    "message_json": lambda: sent(SyftResponse).model_dump_json(),
    "message_dumps": lambda: [sent().dumps(), SyftRequest.loads(sent().dumps()) == sent()],
    "message_kept": lambda: kept(sent()),
    "message_none_kept": lambda: failed(lambda: SyftRequest.load("/nowhere/message")),
    "message_hashes": lambda: [
        sent().get_message_hash(),
        sent().get_message_id(),
        sent(SyftResponse, body=None).get_message_hash(),
    ],
    "message_texts": lambda: [sent(body=b'{"a":1}').json(), sent(body=None).text()],
    "message_model": lambda: sent(body=b'{"body":5,"status_code":"7"}').model(Response),
    "message_times": lambda: [
        read(created=it).created.isoformat()
        for it in ("2024-01-02T03:04:05Z", "2024-01-02 03:04", "2024-01-02", 5, 1.5, "1700000000")
    ],
    "message_time_wrong": lambda: read(created="nope"),
    "message_time_none": lambda: read(created=None),
    "message_ids": lambda: [sent(id=uuid.UUID(ID)).id, sent(id=uuid.UUID(ID).bytes).id],
    "message_id_number": lambda: sent(id=5),
    "message_methods": lambda: [read(method="PUT").method, read(method="put")],
    "message_status": lambda: read(SyftResponse, status_code="404").status_code,
    "message_bodies": lambda: [read(body=it).body for it in ("aGk", "aGk=", "-_8", "+/8=", "", None)],
    "message_body_wrong": lambda: read(body="-_"),
    "message_body_short": lambda: read(body="a"),
    "message_json_number": lambda: SyftRequest.loads(5),
    "message_fields": lambda: [list(SyftMessage.model_fields), list(SyftResponse.model_fields)],
    "message_system": lambda: SyftResponse.system_response(SyftStatus(403), "no").model_dump(
        exclude={"id", "created", "expires"}
    ),
    "message_raise": lambda: sent(SyftResponse, status_code=500).raise_for_status(),
    "router_twice": lambda: twice(EventRouter()),
    "serialize": lambda: [serialize({"a": 1}, indent=1), serialize(sent()), serialize((1, "é"))],
    "serialize_encrypted": lambda: serialize("x", encrypt=True),
    "durations": lambda: [parse_duration("1h"), parse_duration(" 3D ")],
    "duration_wrong": lambda: parse_duration("1w"),
    "url": lambda: [SyftBoxURL(URL).to_http_get("http://x.org/rpc"), SyftBoxURL(URL).query],
}


def said(make):
    def handler() -> str:
        try:
            return repr(make())
        except Exception as error:
            # Where pydantic explains its errors is of no matter.
            lines = str(error).splitlines()
            text = [line for line in lines if "For further information" not in line]
            return f"{isinstance(error, ValueError)} {text}"

    return handler


for name, make in TYPES.items():
    box.on_request(f"/{name}")(said(make))


@box.on_request("/method_of_call")
def method_of_call(request: Request) -> str:
    return repr(method_shown(request))


# Of two handlers of a path the last counts.
router = EventRouter()
router.on_request("/same")(lambda: "first")
router.on_request("/same")(lambda: "last")
box.include_router(router, prefix="/router")


if __name__ == "__main__":
    box.run_forever()
