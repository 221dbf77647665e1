"""Sockets of clients of HTTP, in place of those of `socket`.

One carries one request and its answer. Names are not looked up here: they go to the host as they
are, which checks where they lead.
"""

import errno
import io
import socket
import time

from syft_guest import host, start
from syft_guest.web import exchange, wire

_default_timeout = None


class HttpSocket:
    """A socket on which a client writes a request and reads the answer."""

    def __init__(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0, fileno=None):
        if fileno is not None or type & 0xF != socket.SOCK_STREAM:
            raise OSError(errno.EACCES, "a sandbox has no sockets but those of HTTP clients")
        self.family, self.type, self.proto = family, type, proto
        self._timeout = _default_timeout
        self._address = None
        self.is_encrypted = False
        self._request = wire.Request()
        self._exchange = None
        self._begun = None
        self._read = bytearray()
        self._is_answered = self._is_closed = self._is_at_end = False
        self._n_files = 0

    # What a client sets up.

    def connect(self, address):
        if not host.is_call:
            start.need("opens a connection")
            raise OSError(errno.ENETUNREACH, "there is no network while the app is built")
        self._address = address[:2]

    def connect_ex(self, address):
        try:
            self.connect(address)
        except OSError as error:
            return error.errno
        return 0

    def bind(self, address):
        raise OSError(errno.EACCES, "a sandbox serves no sockets")

    listen = accept = bind

    def settimeout(self, timeout):
        self._timeout = timeout

    def gettimeout(self):
        return self._timeout

    def setblocking(self, flag):
        self._timeout = None if flag else 0.0

    def setsockopt(self, *args):
        pass

    def getsockopt(self, *args):
        return 0

    def fileno(self):
        return -1

    def getpeername(self):
        if self._address is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return self._address

    def getsockname(self):
        return ("0.0.0.0", 0)

    def shutdown(self, how):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    # The steps, which do not wait.

    def start(self, data):
        """Takes a part of the request; sends it as soon as it has a head."""
        if self._address is None:
            raise OSError(errno.ENOTCONN, "not connected")
        if self._request.is_whole or self._is_closed:
            raise BrokenPipeError(errno.EPIPE, "this connection had its request")
        try:
            body = self._request.feed(data)
        except ValueError as error:
            raise OSError(errno.EPROTO, f"apps send HTTP and nothing else: {error}") from None
        if self._exchange is None and self._request.has_head:
            self._exchange = exchange.Exchange(self.is_encrypted, self._authority(), self._request)
        if self._exchange is not None:
            self._exchange.write(body, self._request.is_whole)
        if self._request.is_whole:
            self._begun = time.monotonic()

    def flush(self):
        """Returns what to wait for until the request is sent."""
        return self._exchange and self._exchange.flush()

    def look(self):
        """Takes the head of the answer; tells whether it is there."""
        if self._is_answered:
            return True
        if self._exchange is None:
            raise OSError(errno.ENOTCONN, "no request was sent")
        answer = self._exchange.answer()
        if answer is None:
            return False
        self._read += wire.head(*answer)
        self._is_answered = True
        return True

    def take(self, size):
        """Returns what there is of the answer, nothing at its end, or `None`."""
        if not self._is_answered and not self.look():
            return None
        if self._read:
            data = bytes(self._read[:size])
            del self._read[:size]
            return data
        if self._is_at_end or self._exchange is None:
            return b""
        data = self._exchange.read(size)
        self._is_at_end = data == b""
        return data

    def pollable(self):
        return self._exchange.pollable()

    def _authority(self):
        name, port = self._address
        name = name.decode("ascii") if isinstance(name, bytes) else name
        name = f"[{name}]" if ":" in name else name
        usual = 443 if self.is_encrypted else 80
        return name if port == usual else f"{name}:{port}"

    # What a client does, and waits for.

    def sendall(self, data, flags=0):
        self.start(bytes(data))
        while (pollable := self.flush()) is not None:
            self._wait(pollable, self._timeout)
        if self._request.is_whole:
            self._wait_for_refusal()

    def send(self, data, flags=0):
        self.sendall(data)
        return len(data)

    def _wait_for_refusal(self):
        """Clients take an error for one of the connection while they still send. A time that is
        over is one of reading."""
        try:
            while not self.look():
                self._wait(self.pollable(), self._timeout)
        except TimeoutError:
            pass

    def recv(self, size, flags=0):
        while True:
            data = self.take(size)
            if data is not None:
                return data
            left = self._timeout
            if left is not None and not self._is_answered and self._begun is not None:
                left -= time.monotonic() - self._begun
            self._wait(self.pollable(), left)

    def recv_into(self, buffer, nbytes=0, flags=0):
        data = self.recv(nbytes or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _wait(self, pollable, timeout):
        with pollable:
            if not host.wait([pollable], timeout):
                raise TimeoutError(errno.ETIMEDOUT, "timed out")

    def makefile(self, mode="r", buffering=None, *, encoding=None, errors=None, newline=None):
        self._n_files += 1
        raw = _Reader(self)
        if "w" in mode:
            return io.BufferedRWPair(raw, raw)
        if buffering == 0:
            return raw
        file = io.BufferedReader(raw)
        return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)

    def close(self):
        """Ends the exchange once nobody reads from it any more."""
        self._is_closed = True
        self._end()

    def detach(self):
        self.close()
        return -1

    def _file_closed(self):
        self._n_files -= 1
        self._end()

    def _end(self):
        if self._is_closed and self._n_files <= 0 and self._exchange is not None:
            self._exchange.close()
            self._exchange, self._is_at_end = None, True


class _Reader(io.RawIOBase):
    def __init__(self, sock):
        self._sock = sock

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        return self._sock.recv_into(buffer)

    def write(self, data):
        return self._sock.send(data)

    def close(self):
        if not self.closed:
            super().close()
            self._sock._file_closed()


def getaddrinfo(host_name, port, family=0, type=0, proto=0, flags=0):
    """Returns the name itself in place of its addresses."""
    name = host_name.decode("ascii") if isinstance(host_name, bytes) else host_name
    if not host.is_call:
        start.need("opens a connection")
        raise socket.gaierror(socket.EAI_AGAIN, "there is no network while the app is built")
    if isinstance(port, str):
        port = int(port) if port.isdecimal() else {"http": 80, "https": 443}.get(port, 0)
    address = (name or "localhost", port or 0)
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


def create_connection(address, timeout=..., source_address=None, *, all_errors=False):
    sock = HttpSocket()
    if timeout is not ... and timeout is not socket._GLOBAL_DEFAULT_TIMEOUT:
        sock.settimeout(timeout)
    sock.connect(address)
    return sock


def setdefaulttimeout(timeout):
    global _default_timeout
    _default_timeout = timeout


def install():
    """Gives clients these sockets and no others."""
    socket.socket = socket.SocketType = HttpSocket
    socket.getaddrinfo = getaddrinfo
    socket.create_connection = create_connection
    socket.setdefaulttimeout = setdefaulttimeout
    socket.getdefaulttimeout = lambda: _default_timeout
