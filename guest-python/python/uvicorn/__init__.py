"""The web server that programs of FastAPI end with. In a sandbox it opens no port: it starts the
app, whose endpoints the host answers, and returns."""

from __future__ import annotations

import importlib

from syft_guest import asgi
from syft_guest.alone import apart

from .config import Config

# At least what packages ask for.
__version__ = "0.54.0"
__all__ = ["Config", "Server", "main", "run"]


def run(app, **settings) -> None:
    """Starts an app, given by itself or as `module:name`."""
    Server(Config(app, **settings)).run()


class Server:
    """Starts the app of its settings, in place of serving it."""

    def __init__(self, config: Config):
        self.config = config
        self.started = self.should_exit = self.force_exit = False

    def run(self, sockets=None) -> None:
        app = _imported(self.config.app)
        asgi.start(app() if self.config.factory else app)
        self.started = True

    async def serve(self, sockets=None) -> None:
        apart(self.run)

    async def startup(self, sockets=None) -> None:
        apart(self.run)

    async def main_loop(self) -> None:
        pass

    async def shutdown(self, sockets=None) -> None:
        pass

    def install_signal_handlers(self) -> None:
        pass


def _imported(app):
    if not isinstance(app, str):
        return app
    module, _, names = app.partition(":")
    found = importlib.import_module(module)
    for name in (names or "app").split("."):
        found = getattr(found, name)
    return found


def main() -> None:
    raise SystemExit("a sandbox has no command line: call uvicorn.run")
