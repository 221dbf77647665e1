"""Calls without an author's handler, before the memory of the program is kept.

Python finds out while it runs what code does and where it finds what it looks up, and notes that
beside it. Each call begins with what was kept, so it would find all of that out anew, and have a
page copied wherever it notes something.
"""

import contextlib
import dataclasses

from syft_event.server2 import SyftEvents
from syft_event.types import Request
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


def run(message):
    """Answers a request of the host again and again, by handlers of our own."""
    app = next(iter(apps.all_apps()), None) or SyftEvents("rehearsal")
    # A program that changed what we use is served as well, and no faster.
    with contextlib.suppress(calls.InvalidArguments, calls.Failed):
        for handler in (_whole, _named):
            endpoint = Endpoint("/sample", handler)
            endpoint.prepare(Request, SyftEvents)
            for _ in range(_TIMES):
                calls.answer_by(app, endpoint, message)
    if program.starts_in_calls():
        apps.clear()
