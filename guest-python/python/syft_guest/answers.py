"""The answer that a handler gives by `rpc.reply_to`, before it returns."""

# By this the host knows that it has to encrypt an answer.
ENCRYPT_REPLY = ("X-Syft-Encrypt-Reply", "true")

# The request that is handled, and its answer.
_request_id = None
_given = None


def begin(request):
    """Takes note of the request that is handled."""
    global _request_id, _given
    _request_id, _given = request.id, None


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
