"""The text of HTTP/1.1, as clients write requests and read answers."""

from http import HTTPStatus

# What a connection is about, which is the host's to decide.
_OF_CONNECTIONS = frozenset(
    b"connection expect host http2-settings keep-alive proxy-authenticate proxy-authorization "
    b"proxy-connection te trailer transfer-encoding upgrade".split()
)

# A head without an end is no request.
_MOST = 256 << 10


class Malformed(ValueError):
    """What was written is no request."""


class Request:
    """A request as it is written: its head, and what of its body came so far."""

    def __init__(self):
        self._raw = bytearray()
        self._left = 0
        self._is_chunked = False
        self._is_after_chunks = False
        self.method = None
        self.target = None
        self.headers = []
        self.is_whole = False

    @property
    def has_head(self):
        return self.method is not None

    @property
    def has_body(self):
        return self._is_chunked or self._left > 0

    def feed(self, data):
        """Takes what was written. Returns what of the body is new; `is_whole` tells whether it
        is all."""
        self._raw += data
        if not self.has_head:
            end = self._raw.find(b"\r\n\r\n")
            if end < 0:
                if len(self._raw) > _MOST:
                    raise Malformed("a request without an end")
                return b""
            self._read_head(bytes(self._raw[:end]))
            del self._raw[: end + 4]
        return self._chunks() if self._is_chunked else self._plain()

    def _read_head(self, head):
        first, *lines = head.split(b"\r\n")
        parts = first.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            raise Malformed("this speaks another protocol than HTTP/1.1")
        self.method = parts[0].decode("ascii")
        self.target = parts[1].decode("latin-1")
        for line in lines:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip()
            if name == b"transfer-encoding" and value.lower().endswith(b"chunked"):
                self._is_chunked = True
            elif name == b"content-length":
                self._left = int(value)
            if name not in _OF_CONNECTIONS:
                self.headers.append((name.decode("ascii"), value))

    def _plain(self):
        body = bytes(self._raw[: self._left])
        del self._raw[: len(body)]
        self._left -= len(body)
        self.is_whole = self._left == 0
        return body

    def _chunks(self):
        body = bytearray()
        while not self.is_whole:
            if self._left:
                part = bytes(self._raw[: self._left])
                del self._raw[: len(part)]
                self._left -= len(part)
                body += part
                if self._left:
                    break
                self._is_after_chunks = True
            end = self._raw.find(b"\r\n")
            if end < 0:
                break
            line = bytes(self._raw[:end])
            del self._raw[: end + 2]
            if self._is_after_chunks:
                # The end of a chunk's own line.
                self._is_after_chunks = False
                continue
            self._left = int(line.split(b";")[0], 16)
            if self._left == 0:
                # Trailers are read by nobody.
                self.is_whole = True
        self._is_chunked = True
        return bytes(body)


def head(status, headers):
    """Returns the head of an answer. Its body ends with the connection, if not before."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {status} {reason}".encode("ascii")]
    lines += [
        name.encode("latin-1") + b": " + value
        for name, value in headers
        if name.lower().encode("latin-1") not in _OF_CONNECTIONS
    ]
    lines += [b"connection: close", b"", b""]
    return b"\r\n".join(lines)
