"""Stands for `_backends.auto` of httpcore and httpcore2: async connections on our loop."""

import asyncio

from .._exceptions import (
    ConnectError,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
    map_exceptions,
)
from .base import AsyncNetworkBackend, AsyncNetworkStream
from syft_guest import loop
from syft_guest.web.sockets import HttpSocket


class _Stream(AsyncNetworkStream):
    def __init__(self, sock):
        self._sock = sock

    async def read(self, max_bytes, timeout=None):
        with map_exceptions({TimeoutError: ReadTimeout, OSError: ReadError}):
            while (data := self._sock.take(max_bytes)) is None:
                await loop.wait_for(self._sock.pollable(), timeout)
            return data

    async def write(self, buffer, timeout=None):
        if not buffer:
            return
        with map_exceptions({TimeoutError: WriteTimeout, OSError: WriteError}):
            self._sock.start(buffer)
            while (pollable := self._sock.flush()) is not None:
                await loop.wait_for(pollable, timeout)

    async def aclose(self):
        self._sock.close()

    async def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        return _Stream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname))

    def get_extra_info(self, info):
        if info == "ssl_object" and self._sock.is_encrypted:
            return self._sock
        if info == "is_readable":
            # It had its request, and takes no second one.
            return True
        return {"server_addr": self._sock._address, "socket": self._sock}.get(info)


class AutoBackend(AsyncNetworkBackend):
    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        with map_exceptions({OSError: ConnectError}):
            sock = HttpSocket()
            sock.connect((host, port))
        return _Stream(sock)

    async def connect_unix_socket(self, path, timeout=None, socket_options=None):
        raise ConnectError("a sandbox has no sockets of the machine")

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)
