"""Messages to other apps: sending them, and waiting for what becomes of them.

Why: docs/decisions/85-messages-of-python-are-the-releases.md
"""

from syft_guest import host, sent


def send(message, digest=None, expires=None):
    """Sends a message, and returns its id and until when there may be an answer.

    With a digest of what is in it, it is not sent while another such message has no answer.
    """
    if digest is not None:
        found = sent.find(digest)
        if found is not None:
            return found
    message_id = host.send(message)
    if digest is not None:
        sent.add(digest, message_id, expires)
    return message_id, expires


def receive(ids, timeout):
    """Waits for what becomes of messages: so many seconds, or with `None` until they are too old
    for an answer. Returns for each an `Outcome`, an `UnknownMessage`, or `None`; and whether the call
    has less time than that, beyond which the host does not wait."""
    left = host.time_left()
    is_cut = timeout is None or left < timeout
    return _received(ids, left if is_cut else timeout), is_cut


def look(ids):
    """As `receive`, without waiting."""
    return _received(ids, 0)


def _received(ids, seconds):
    asked = list(dict.fromkeys(ids))
    found = dict(zip(asked, _received_once(asked, seconds)))
    return [found[each] for each in ids]


def _received_once(ids, seconds):
    if not ids:
        return []
    try:
        return host.receive(ids, seconds)
    except host.UnknownMessage as error:
        if len(ids) == 1:
            return [error]
    # One that is unknown is the answer to all: which it is, shows when each is asked for.
    found = {each: _received_once([each], 0)[0] for each in ids}
    waiting = [each for each, outcome in found.items() if outcome is None]
    found |= zip(waiting, _received_once(waiting, seconds))
    return [found[each] for each in ids]
