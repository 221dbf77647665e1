"""An endpoint with its handler."""

import inspect

from syft_guest import loop


class Endpoint:
    def __init__(self, endpoint, function, encrypt_reply=False):
        if "*" in endpoint or "?" in endpoint:
            raise ValueError("wildcards are not allowed in path")
        if not callable(function):
            raise TypeError(f"the handler of {endpoint!r} is no function")
        self.path = "/" + endpoint.strip("/")
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.arguments = None
        self.encrypt_reply = encrypt_reply

    def prepare(self, request_type, app_type):
        """Reads the signature. Done when the program has run, so that all names are known."""
        from syft_guest.arguments import Arguments

        self.arguments = Arguments(self.function, request_type, app_type)

    def call(self, args, kwargs):
        result = self.function(*args, **kwargs)
        return loop.run(result) if inspect.isawaitable(result) else result
