"""Apps of ASGI, such as those of FastAPI, which a program makes and a web server would serve.

A sandbox serves no web. What such an app binds to SyftBox is answered in process, once its
start has run.

Why: docs/decisions/60-web-apps-are-answered-in-process.md
"""

import asyncio
import inspect
import logging
import sys

from syft_guest import alone, loop

# With what each of their starts holds: it waits for an end that never comes.
_started = []
_waiting = []


def add(app):
    """Takes note of an app that has no endpoints before it has started."""
    _waiting.append(app)


def start(app):
    """Runs the start of an app as a web server would, once."""
    if not any(app is other for other, _ in _started):
        held = []
        _started.append((app, held))
        alone.apart(_begin, app, held)
    alone.has_started = True


def start_all(program):
    """Starts the apps that the program leaves to the command line of a web server."""
    app = vars(program).get("app")
    if _is_of_starlette(app):
        add(app)
    for app in _waiting:
        start(app)


def state_of(value):
    """Returns what an app keeps in `app.state`, if the value is an app."""
    return value.state._state if _is_of_starlette(value) else None


def _is_of_starlette(value):
    starlette = sys.modules.get("starlette.applications")
    return starlette is not None and isinstance(value, starlette.Starlette)


def clear():
    _started.clear()
    _waiting.clear()


def _begin(app, held):
    own = loop.Loop()
    lifespan = _Lifespan(app)
    held += [own, lifespan]
    own.run_until_complete(lifespan.begin())
    others = asyncio.all_tasks(own) - {lifespan.task}
    held += others
    for task in others:
        name = getattr(task.get_coro(), "__qualname__", task.get_name())
        logging.getLogger("syft_event").warning(
            "%s does not go on: nothing runs between the calls of an app", name
        )


class _Lifespan:
    """The start of an app in the protocol of ASGI."""

    def __init__(self, app):
        self._app = app
        self._is_asked = self._has_failed = False
        self.task = None

    async def begin(self):
        self._begun = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run())
        await asyncio.wait([self.task, self._begun], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done() and self._has_failed:
            self.task.result()

    async def _run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            called = self._app(scope, self._receive, self._send)
            if not inspect.isawaitable(called):
                # The older way, or WSGI.
                return
            await called
        except Exception:
            # One that knows no start says so by an error.
            if self._has_failed:
                raise

    async def _receive(self):
        if not self._is_asked:
            self._is_asked = True
            return {"type": "lifespan.startup"}
        return await asyncio.get_running_loop().create_future()

    async def _send(self, message):
        if message["type"] == "lifespan.startup.failed":
            self._has_failed = True
        elif message["type"] == "lifespan.startup.complete":
            self._begun.set_result(None)
