"""Keeps what it is told of files, and fails where it is told to."""

import asyncio

from syft_event import SyftEvents
from watchdog.events import (
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
)

box = SyftEvents("watcher")
box.state["seen"] = []
box.state["is_ready"] = False

ALL = [FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileDeletedEvent]


@box.watch("{datasite}/public/**/*.txt", event_filter=ALL)
async def on_text(event):
    await asyncio.sleep(0.01)
    text = None
    if event.event_type != "deleted":
        with open(event.dest_path or event.src_path) as file:
            text = file.read()
    box.state["seen"].append([type(event).__name__, event.src_path, event.dest_path, text])


@box.watch(f"{box.client.email}/public/*.once", [FileCreatedEvent])
def once(event):
    box.state["seen"].append("once")
    if not box.state["is_ready"]:
        raise RuntimeError("not yet")


@box.on_request("/seen")
def seen():
    return box.state["seen"]


@box.on_request("/get_ready")
def get_ready():
    box.state["is_ready"] = True


box.run_forever()
