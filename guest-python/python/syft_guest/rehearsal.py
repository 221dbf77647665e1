"""Calls without an author's handler, before the memory of the program is kept.

Python finds out while it runs what code does and where it finds what it looks up, and notes that
beside it. Each call begins with what was kept, so it would find all of that out anew, and have a
page copied wherever it notes something.
"""

import contextlib
import dataclasses
import sys

from syft_event.server2 import SyftEvents
from syft_event.types import Request, Response
from syft_guest import apps, calls, program
from syft_guest.endpoint import Endpoint

# After some more of them Python notes nothing new.
_TIMES = 50


@dataclasses.dataclass
class _Sample:
    name: str


def _whole(sample: _Sample) -> str:
    return sample.name


def _named(name: str, times: int = 1) -> dict:
    return {"name": name * times}


def _forwarding():
    """Yields a handler that hands requests to an app of FastAPI, where the program's do."""
    bridge = sys.modules.get("fastsyftbox.http_bridge")
    if bridge is None:
        return
    import httpx
    from fastapi import FastAPI
    from pydantic import BaseModel
    from starlette.middleware.base import BaseHTTPMiddleware

    class Sample(BaseModel):
        name: str

    async def dispatch(request, call_next):
        return await call_next(request)

    app = FastAPI(openapi_url=None)
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)

    @app.post("/sample")
    async def sample(sample: Sample) -> Sample:
        return sample

    forwarder = object.__new__(bridge.SyftHTTPBridge)
    transport = httpx.ASGITransport(app=app)
    forwarder.app_client = httpx.AsyncClient(transport=transport, base_url="http://sample")

    async def forward(request: Request) -> Response:
        answer = await forwarder._forward_to_http(request, "/sample")
        return Response(answer.content, answer.status_code, dict(answer.headers))

    yield forward


def run(message):
    """Answers a request of the host again and again, by handlers of our own."""
    app = next(iter(apps.all_apps()), None) or SyftEvents("rehearsal")
    # A program that changed what we use is served as well, and no faster.
    with contextlib.suppress(Exception):
        for handler in (_whole, _named, *_forwarding()):
            endpoint = Endpoint("/sample", handler)
            endpoint.prepare(Request, SyftEvents)
            for _ in range(_TIMES):
                calls.answer_by(app, endpoint, message)
    if program.starts_in_calls() or not program.is_there():
        apps.clear()
