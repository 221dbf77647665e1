"""What apps of web servers need, changed when their packages are imported."""

import contextvars
import errno
import functools
import logging
import sys

from syft_guest import alone, host


def anyio_threads():
    """Has functions that would run in a thread run at once."""
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is not None:
        backend.AsyncIOBackend.run_sync_in_worker_thread = classmethod(_at_once)


async def _at_once(backend, function, args, abandon_on_cancel=False, limiter=None):
    await backend.checkpoint()
    # As in a thread, which has a copy of what is set.
    return contextvars.copy_context().run(alone.apart, function, *args)


def _serve_nothing(*args, **kwargs):
    """Stands for what serves until a program ends: at its start that is at once."""
    if host.is_handling:
        raise OSError(errno.EACCES, "a sandbox serves no sockets")


class _Server:
    """A server that has no port."""

    def __init__(self, server_address, app):
        self.host, self.port = self.server_address = server_address
        self.app = app

    serve_forever = handle_request = _serve_nothing

    def shutdown(self):
        pass

    server_close = shutdown


def _werkzeug(module):
    module.run_simple = _serve_nothing

    def make_server(host, port, app, *args, **kwargs):
        return _Server((host, port), app)

    module.make_server = make_server


def _socketserver(module):
    # Each of them stands for all of its kind, such as `http.server`, `wsgiref` and `xmlrpc`.
    base, tcp = module.BaseServer, module.TCPServer
    base.serve_forever = base.handle_request = _serve_nothing
    base.shutdown = tcp.server_bind = tcp.server_activate = lambda self: None


def _waitress(module):
    module.serve = _serve_nothing


def _staticfiles(module):
    # Nobody asks for its files, so its folder may be missing.
    init = module.StaticFiles.__init__

    @functools.wraps(init)
    def without_check(self, *args, **kwargs):
        init(self, *args, **{**kwargs, "check_dir": False})

    module.StaticFiles.__init__ = without_check


def _fastsyftbox(module):
    from syft_guest import asgi

    init = module.FastSyftBox.__init__

    @functools.wraps(init)
    def noted(self, *args, **kwargs):
        init(self, *args, **kwargs)
        asgi.add(self)

    module.FastSyftBox.__init__ = noted
    for name in ("publish_contents", "publish_file_path"):
        published = getattr(module.FastSyftBox, name)
        setattr(module.FastSyftBox, name, _published(published))


def _published(publish):
    @functools.wraps(publish)
    def published(self, *args, **kwargs):
        try:
            publish(self, *args, **kwargs)
        except OSError as error:
            # A page of its author's, without which the app answers as well.
            path = kwargs.get("in_datasite_path", args[-1] if args else "")
            logging.getLogger("syft_event").warning(
                "%s is not published (%s): ask in syft-app.toml for "
                'write = ["{datasite}/%s"]',
                path,
                error.strerror,
                path,
            )

    return published


def _http_bridge(module):
    # A path with several methods is one endpoint, which forwards them all.
    register = module.SyftHTTPBridge._register_rpc_handlers

    def register_each_once(self):
        self.included_endpoints = list(dict.fromkeys(self.included_endpoints))
        register(self)

    module.SyftHTTPBridge._register_rpc_handlers = register_each_once


CHANGED = {
    "socketserver": _socketserver,
    "waitress": _waitress,
    "werkzeug.serving": _werkzeug,
    "starlette.staticfiles": _staticfiles,
    "fastsyftbox.fastsyftbox": _fastsyftbox,
    "fastsyftbox.http_bridge": _http_bridge,
}
