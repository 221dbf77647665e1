"""Messages that were sent and whose answers nobody has taken, by what is in them.

The release finds such a message by its file, and does not send the same twice: who sends it again
waits for the same answer. Here they are kept with the state, until somebody takes the answer or it
is too late for one. A call that takes the answers itself writes nothing.
"""

import json
from datetime import datetime, timezone

from syft_guest import host

PREFIX = "py:sent:"
# Digits of a digest by which what is kept is divided: calls that write the same part of it run
# one after the other.
_DIGITS = 2

# Parts as they are now, and as they were read.
_parts = {}
_read = {}


def find(digest):
    """Returns the id of such a message, and until when there may be an answer; or `None`."""
    found = _part(digest).get(digest)
    if found is None:
        return None
    message_id, expires = found[0], datetime.fromisoformat(found[1])
    return None if expires <= _now() else (message_id, expires)


def add(digest, message_id, expires):
    _part(digest)[digest] = [message_id, expires.isoformat()]


def remove(digest, message_id):
    """Forgets a message whose answer was taken."""
    part = _part(digest)
    if part.get(digest, [None])[0] == message_id:
        del part[digest]


def flush():
    """Keeps what the call changed."""
    for name, part in _parts.items():
        if part == _read[name]:
            continue
        live = {key: one for key, one in part.items() if datetime.fromisoformat(one[1]) > _now()}
        _parts[name], _read[name] = live, dict(live)
        if live:
            host.Bucket().set(name, json.dumps(live).encode())
        else:
            host.Bucket().delete(name)


def forget():
    """Has the next call read it anew."""
    _parts.clear()
    _read.clear()


def _part(digest):
    name = PREFIX + digest[:_DIGITS]
    if name not in _parts:
        stored = host.Bucket().get(name)
        _parts[name] = json.loads(stored) if stored else {}
        _read[name] = dict(_parts[name])
    return _parts[name]


def _now():
    return datetime.now(timezone.utc)
