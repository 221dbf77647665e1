"""A call of the host: a request to its handler, or an event to its watch."""

import logging
import os
import random
import tempfile
import traceback

from syft_event.types import Request, Response
from syft_guest import answers, apps, body, handlers, host, log, memory, program, replies, sent
from syft_guest import schedules, start
from syft_guest.values import Misfit
from syft_rpc.protocol import SyftStatus

# The host keeps 4 KiB of a failure's message.
_MESSAGE = 1_000
_TRACEBACK = 2_800


class InvalidArguments(Exception):
    """The request does not fit its handler."""


class Failed(Exception):
    """The handler failed."""

    def __init__(self, kind, message, handler):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.handler = handler


def answer(message):
    """Answers a request of the host. Returns `(status, headers, body)`.

    Raises `InvalidArguments` or `Failed`.
    """
    app, endpoint = begin(lambda: _found(message.endpoint))
    return answer_by(app, endpoint, message)


def answer_by(app, endpoint, message):
    """As `answer`, by an endpoint that is at hand."""
    if not endpoint.encrypt_reply:
        return _answer(app, endpoint, message)
    try:
        status, headers, body = _answer(app, endpoint, message)
    except InvalidArguments as error:
        # It tells what was in the request, so it is an answer as others are.
        text = f"Invalid request schema: {error}"
        status, headers, body = 400, [], text.encode("utf-8", "replace")
    asked = [] if answers.ENCRYPT_REPLY in headers else [answers.ENCRYPT_REPLY]
    return status, [*headers, *asked], body


def _answer(app, endpoint, message):
    try:
        try:
            request = _request(message)
            args, kwargs = endpoint.arguments.bind(request, app)
        except Misfit as error:
            raise InvalidArguments(str(error)) from None
        except Exception as error:
            # What Python says of a wrong text is what the release says.
            raise InvalidArguments(str(error)) from None
        answers.begin(request.id, message.sender_proof.name.lower())
        result = endpoint.call(args, kwargs)
        response = (answers.given() if result is None else None) or _response(result)
        flush()
        return response
    except InvalidArguments:
        raise
    except BaseException as error:
        raise _failed(error, endpoint.name) from None
    finally:
        log.flush()


def deliver(index, kind, path, moved_from):
    """Gives an event to its watch. Raises `Failed`."""
    _, watch = begin(lambda: handlers.watches()[index])
    try:
        watch.call(kind, path, moved_from)
        flush()
    except BaseException as error:
        raise _failed(error, watch.name) from None
    finally:
        log.flush()


def take_reply(reply):
    """Gives what became of a message to its handler. Raises `Failed`."""
    begin(lambda: None)
    try:
        replies.take(
            reply.message_id,
            reply.url,
            reply.handler,
            None if reply.context is None else bytes(reply.context),
            host.outcome(reply.outcome),
            reply.attempt,
        )
        flush()
    except BaseException as error:
        raise _failed(error, reply.handler) from None
    finally:
        log.flush()


def run_due(call_id, name, micros, attempt):
    """Calls the function of a schedule. Raises `Failed`."""
    found = begin(lambda: schedules.find(name))
    try:
        found.call(schedules.due(call_id, name, micros, attempt))
        flush()
    except BaseException as error:
        raise _failed(error, name) from None
    finally:
        log.flush()


def begin(find):
    """Begins a call, and returns what is called."""
    host.is_call = True
    # None yet, whatever was handled before the component was made.
    answers.begin(None, None)
    # The snapshot holds one state of the generator, which would repeat itself. Without a seed it
    # asks for 2,496 bytes.
    random.seed(int.from_bytes(os.urandom(32)))
    tempfile.tempdir = start.temporary()
    try:
        program.begin()
        found = find()
        memory.begin()
        host.is_handling = True
        return found
    except InvalidArguments:
        raise
    except BaseException as error:
        log.flush()
        raise _failed(error, "the start of the program") from None


def _found(path):
    for app, endpoint in handlers.endpoints():
        if endpoint.path == "/" + path.strip("/"):
            handlers.prepare_one(endpoint)
            return app, endpoint
    raise InvalidArguments(f"no endpoint {path}")


def _request(message):
    return Request(
        id=message.id,
        sender=message.sender,
        url=message.url,
        headers=dict(message.headers),
        body=None if message.body is None else bytes(message.body),
        # As a text, which the release makes of it.
        method=message.method.name,
    )


def _response(result):
    if not isinstance(result, Response):
        return 200, [], body.serialize(result)
    status = SyftStatus(result.status_code)
    headers = result.headers or {}
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"header {name!r} is not text")
    return int(status), list(headers.items()), body.serialize(result.body)


def flush():
    for app in apps.all_apps():
        app._state.flush()
    sent.flush()
    memory.end()


def _failed(error, handler):
    try:
        message = str(error)
    except Exception:
        message = "an error that cannot say what it is"
    try:
        trace = "".join(traceback.format_exception(type(error), error, own_part(error)))
    except Exception:
        trace = ""
    logging.getLogger("syft_event").debug("%s failed: %s", handler, message)
    text = f"{_cut(message, _MESSAGE)}\n\n{_cut_front(trace, _TRACEBACK)}".strip()
    return Failed(type(error).__name__, _printable(text), handler)


def own_part(error):
    """Returns the traceback from the author's first line on, if there is one."""
    trace = error.__traceback__
    while trace is not None and "/syft_guest/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    return trace or error.__traceback__


def _cut(text, limit):
    return text if len(text) <= limit else text[:limit] + "…"


def _cut_front(text, limit):
    return text if len(text) <= limit else "…" + text[-limit:]


def _printable(text):
    """Half a character cannot be passed on."""
    return text.encode("utf-8", "replace").decode()
