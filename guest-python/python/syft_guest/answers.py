"""The request that is handled: how far its sender is known, and the answer that its handler gives by
`rpc.reply_to`, before it returns."""

# By this the host knows that it has to encrypt an answer.
ENCRYPT_REPLY = ("X-Syft-Encrypt-Reply", "true")

# The request that is handled, how its sender is known, and its answer.
_request_id = None
_proof = None
_given = None


def begin(request_id, proof):
    """Takes note of the request that is handled."""
    global _request_id, _proof, _given
    _request_id, _proof, _given = request_id, proof, None


def sender_proof():
    """Returns how far the sender of the request that is handled is known, or `None` where none is.

    `signed`: they encrypted the body. `folder`: it lies where only they may write. `claimed`: only
    the request says so, and anybody could have written that: decide about no access by it.
    """
    return _proof


def give(response, encrypt):
    """Takes the answer to the request that is handled. Raises `LookupError` for any other."""
    global _given
    if str(response.id) != _request_id:
        raise LookupError(
            f"{response.id} is not the request that is handled: an app answers no other, and a "
            "later call none at all"
        )
    _given = response, encrypt


def given():
    """Returns status, headers and body of what was given, or `None`."""
    if _given is None:
        return None
    response, encrypt = _given
    headers = [*response.headers.items(), *([ENCRYPT_REPLY] if encrypt else [])]
    return int(response.status_code), headers, response.body
