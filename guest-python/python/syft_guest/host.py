"""What the host offers to a call. The only module that knows the world of the guest."""

import dataclasses

try:
    from componentize_py_types import Err
    from wit_world.imports import batch, context, log, messages, outgoing_handler, poll, store
    from wit_world.imports import monotonic_clock as clock
    from wit_world.imports import syft_app_types as types
    from wit_world.imports import wasi_http_types as http
except ImportError:
    # Outside a component, where the SDK is tested.
    batch = clock = context = http = log = messages = outgoing_handler = poll = store = types = None
    Err = Exception

# While the component is being built there is no owner, no state and no log.
is_call = False

# A handler runs: the program has started, now or when its component was built.
is_handling = False

# The arguments of the program, as it has them in calls: what it made of them at its start.
arguments = []

MISSING = object()


def datasite():
    return context.datasite()


def app():
    return context.app()


def idempotency_key():
    """Returns a UUID of the request or event that is handled, the same each time it runs again.

    It is for the header `Idempotency-Key` of requests that must not take effect twice.
    """
    return context.idempotency_key()


def time_left():
    """Returns how many seconds are left for this call."""
    return context.time_left() / 1_000_000


def wait(pollables, timeout):
    """Waits for these, so many seconds at most. Returns the places of those that are ready."""
    if timeout is None:
        return poll.poll(pollables)
    with clock.subscribe_duration(max(0, int(timeout * 1_000_000_000))) as timer:
        ready = poll.poll([*pollables, timer])
    return [index for index in ready if index < len(pollables)]


def write_log(level, message):
    """Writes a line to the host's log. `level` is one of trace, debug, info, warn, error."""
    log.write(getattr(log.Level, level.upper()), message)


def send(message):
    """Takes a message, and returns its id. Raises `MessageError`."""
    reply_to = None
    if message.handler is not None:
        reply_to = messages.ReplyTo(handler=message.handler, context=message.context)
    return _or_raise(
        messages.send,
        messages.Message(
            url=message.url,
            method=types.Method[message.method],
            headers=list(message.headers.items()),
            body=message.body,
            timeout=message.timeout,
            encrypt=message.encrypt,
            reply_to=reply_to,
        ),
        kind=MessageError,
    )


def receive(ids, seconds):
    """Returns what became of messages, with `None` where it is not known after so many seconds.

    Raises `UnknownMessage` or another `MessageError`.
    """
    timeout = max(0, int(seconds * 1_000_000))
    try:
        found = _or_raise(messages.receive, ids, messages.Until.ALL, timeout, kind=MessageError)
    except MessageError as error:
        if error.name == "Unknown":
            raise UnknownMessage(str(error), error.name) from None
        raise
    return [None if one is None else outcome(one) for one in found]


def outcome(found):
    """Returns what became of a message, as the host tells it."""
    name = type(found).__name__.removeprefix("Outcome_").lower()
    if name == "rejected":
        return Outcome(name, reason=found.value)
    if name == "expired":
        return Outcome(name)
    response = found.value
    body = None if response.body is None else bytes(response.body)
    return Outcome(name, response.status, dict(response.headers), body)


@dataclasses.dataclass(frozen=True)
class Message:
    """A message to another app."""

    url: str
    method: str
    headers: dict
    body: bytes | None
    # In microseconds, from when it leaves.
    timeout: int
    encrypt: bool = False
    # Which handler takes what becomes of it, and what that needs to know.
    handler: str | None = None
    context: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a message: `answered`, `expired` or `rejected`."""

    name: str
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    # Why it was rejected, in words.
    reason: str = ""


class Bucket:
    """The state of the app, as bytes."""

    CHUNK = 100

    def __init__(self):
        self._bucket = _or_raise(store.open, "default")

    def get(self, key):
        return _or_raise(self._bucket.get, key)

    def set(self, key, value):
        _or_raise(self._bucket.set, key, value)

    def delete(self, key):
        _or_raise(self._bucket.delete, key)

    def items(self, prefix=""):
        """Yields all keys that begin so, with their values."""
        keys, cursor = [], None
        while True:
            page = _or_raise(self._bucket.list_keys, cursor)
            keys += [key for key in page.keys if key.startswith(prefix)]
            cursor = page.cursor
            if cursor is None:
                break
        for start in range(0, len(keys), self.CHUNK):
            found = _or_raise(batch.get_many, self._bucket, keys[start : start + self.CHUNK])
            yield from (pair for pair in found if pair is not None)


class HostError(RuntimeError):
    """The host did not do what was asked of it."""

    def __init__(self, message, name=""):
        super().__init__(message)
        # Which of the errors of the interface it is.
        self.name = name


class StateError(HostError):
    """The host did not do what was asked of the state."""


class MessageError(HostError):
    """The host did not take a message, or did not say what became of it."""


class UnknownMessage(MessageError):
    """The host knows of no such message, or no longer."""


def _or_raise(function, *args, kind=StateError):
    try:
        return function(*args)
    except Exception as error:
        reason = getattr(error, "value", None)
        name = type(reason).__name__
        if not name.startswith("Error_"):
            raise
        name = name.removeprefix("Error_")
        raise kind(getattr(reason, "value", None) or name, name) from None
