"""One request and its answer, by `wasi:http`.

Nothing here waits: what is not there yet is `None`, and `pollable` has what to wait for.
"""

import errno

from syft_guest import host

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")

_READ = 64 << 10

_TIMEOUTS = (
    "DnsTimeout",
    "ConnectionTimeout",
    "ConnectionReadTimeout",
    "ConnectionWriteTimeout",
    "HttpResponseTimeout",
)

_WORDS = {
    "ConnectionLimitReached": "too many connections are open",
    "ConnectionRefused": "connection refused",
    "ConnectionTerminated": "the connection broke",
    "DestinationNotFound": "its name cannot be looked up",
    "DestinationUnavailable": "no connection",
    "HttpProtocolError": "this is no HTTP",
    "HttpRequestBodySize": "more was sent than a call may",
    "HttpResponseBodySize": "more was received than a call may",
    "HttpResponseHeaderSectionSize": "the headers of the answer are too large",
    "HttpResponseIncomplete": "the connection ended before the answer did",
    "TlsCertificateError": "its certificate is not trusted by the owner's machine",
    "TlsProtocolError": "no encrypted connection",
}


class Exchange:
    """A request on its way, and its answer."""

    def __init__(self, is_encrypted, authority, request):
        self.origin = f"{'https' if is_encrypted else 'http'}://{authority}"
        self._pending = bytearray()
        self._is_whole = False
        self._body = self._output = self._input = self._incoming = None
        self._answer = self._failed = None
        outgoing = self._prepare(is_encrypted, authority, request)
        if request.has_body:
            self._body = self._try(outgoing.body)
            self._output = self._try(self._body.write)
        self._future = self._try(host.outgoing_handler.handle, outgoing, None)

    def _prepare(self, is_encrypted, authority, request):
        http = host.http
        fields = self._try(http.Fields.from_list, request.headers)
        outgoing = http.OutgoingRequest(fields)
        if request.method in _METHODS:
            method = getattr(http, "Method_" + request.method.capitalize())()
        else:
            method = http.Method_Other(request.method)
        self._try(outgoing.set_method, method)
        scheme = http.Scheme_Https() if is_encrypted else http.Scheme_Http()
        self._try(outgoing.set_scheme, scheme)
        self._try(outgoing.set_authority, authority)
        self._try(outgoing.set_path_with_query, request.target)
        return outgoing

    def write(self, data, is_whole):
        """Takes a part of the body."""
        self._pending += data
        self._is_whole = is_whole

    def flush(self):
        """Sends what was written; returns what to wait for where it is not all."""
        if self._output is None:
            return None
        try:
            while self._pending:
                room = self._output.check_write()
                if not room:
                    return self._output.subscribe()
                part = bytes(self._pending[:room])
                self._output.write(part)
                del self._pending[:room]
        except host.Err:
            # Nobody takes more of it: the answer says why.
            self._pending.clear()
            self._is_whole = True
        if self._is_whole:
            _drop(self._output)
            body, self._output, self._body = self._body, None, None
            try:
                host.http.OutgoingBody.finish(body, None)
            except host.Err:
                pass
        return None

    def answer(self):
        """Returns status and headers, or `None` where there is no answer yet. Raises `OSError`."""
        if self._answer is not None:
            return self._answer
        if self._failed is None:
            got = self._future.get()
            if got is None:
                return None
            # What is around it is for who asks twice.
            got = got.value
            if isinstance(got, host.Err):
                self._failed = self._error(got.value)
        if self._failed is not None:
            # Clients that are not done with sending look again.
            raise self._failed
        response = got.value
        with response.headers() as fields:
            headers = fields.entries()
        self._answer = response.status(), headers
        self._incoming = self._try(response.consume)
        self._input = self._try(self._incoming.stream)
        _drop(response)
        _drop(self._future)
        self._future = None
        return self._answer

    def read(self, size):
        """Returns a part of the body, nothing at its end, or `None` where there is none yet.
        Raises `OSError`."""
        if self._input is None:
            return b""
        try:
            data = self._input.read(min(size, _READ))
        except host.Err as error:
            failed = getattr(error.value, "value", None)
            code = failed and host.http.http_error_code(failed)
            if failed is not None:
                _drop(failed)
            self.close()
            if failed is None:
                return b""
            raise self._error(code) from None
        return bytes(data) if data else None

    def pollable(self):
        """Returns what tells that there is more of the answer."""
        source = self._input if self._input is not None else self._future
        return source.subscribe()

    def close(self):
        """Ends it, whatever is still to come."""
        # Parts before the whole of which they are.
        for name in ("_output", "_body", "_input", "_incoming", "_future"):
            part = getattr(self, name)
            setattr(self, name, None)
            if part is not None:
                _drop(part)

    def _try(self, function, *args):
        try:
            return function(*args)
        except host.Err as error:
            raise self._error(error.value) from None

    def _error(self, code):
        name = type(code).__name__.removeprefix("ErrorCode_").removeprefix("HeaderError_")
        if name in _TIMEOUTS:
            return TimeoutError(errno.ETIMEDOUT, f"{self.origin}: no answer in time")
        if name == "HttpRequestDenied":
            return PermissionError(
                errno.EACCES,
                f"the app may not send this to {self.origin}: `[http] allow` of syft-app.toml has "
                "to ask for it, and the owner to allow it; the host's log says how",
            )
        if name == "DestinationIpProhibited":
            return PermissionError(
                errno.EACCES,
                f"{self.origin} leads to an address that has to be allowed by itself",
            )
        words = _WORDS.get(name) or getattr(code, "value", None) or f"no answer ({name})"
        if name == "ConnectionRefused":
            return ConnectionRefusedError(errno.ECONNREFUSED, f"{self.origin}: {words}")
        return ConnectionResetError(errno.ECONNRESET, f"{self.origin}: {words}")


def _drop(resource):
    resource.__exit__(None, None, None)
