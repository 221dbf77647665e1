"""What the host offers to a call. The only module that knows the world of the guest."""

try:
    from componentize_py_types import Err
    from wit_world.imports import batch, context, log, outgoing_handler, poll, store
    from wit_world.imports import monotonic_clock as clock
    from wit_world.imports import wasi_http_types as http
except ImportError:
    # Outside a component, where the SDK is tested.
    batch = clock = context = http = log = outgoing_handler = poll = store = None
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

    def items(self):
        """Yields all keys with their values."""
        keys, cursor = [], None
        while True:
            page = _or_raise(self._bucket.list_keys, cursor)
            keys += page.keys
            cursor = page.cursor
            if cursor is None:
                break
        for start in range(0, len(keys), self.CHUNK):
            found = _or_raise(batch.get_many, self._bucket, keys[start : start + self.CHUNK])
            yield from (pair for pair in found if pair is not None)


def _or_raise(function, *args):
    try:
        return function(*args)
    except Exception as error:
        reason = getattr(error, "value", None)
        name = type(reason).__name__
        if not name.startswith("Error_"):
            raise
        raise StateError(getattr(reason, "value", None) or name.removeprefix("Error_")) from None


class StateError(RuntimeError):
    """The host did not do what was asked of the state."""
