"""Events of files, as watchdog names them."""

from __future__ import annotations

from dataclasses import dataclass, field

EVENT_TYPE_MOVED = "moved"
EVENT_TYPE_DELETED = "deleted"
EVENT_TYPE_CREATED = "created"
EVENT_TYPE_MODIFIED = "modified"
EVENT_TYPE_CLOSED = "closed"
EVENT_TYPE_CLOSED_NO_WRITE = "closed_no_write"
EVENT_TYPE_OPENED = "opened"


@dataclass(unsafe_hash=True)
class FileSystemEvent:
    """Something happened to a file or a folder."""

    src_path: bytes | str
    dest_path: bytes | str = ""
    event_type: str = field(default="", init=False)
    is_directory: bool = field(default=False, init=False)
    is_synthetic: bool = field(default=False)


class FileSystemMovedEvent(FileSystemEvent):
    event_type = EVENT_TYPE_MOVED


def _event(name, kind, base=FileSystemEvent, is_directory=False):
    return type(
        name,
        (base,),
        {"event_type": kind, "is_directory": is_directory, "__module__": __name__},
    )


FileDeletedEvent = _event("FileDeletedEvent", EVENT_TYPE_DELETED)
FileModifiedEvent = _event("FileModifiedEvent", EVENT_TYPE_MODIFIED)
FileCreatedEvent = _event("FileCreatedEvent", EVENT_TYPE_CREATED)
FileMovedEvent = _event("FileMovedEvent", EVENT_TYPE_MOVED, FileSystemMovedEvent)
FileClosedEvent = _event("FileClosedEvent", EVENT_TYPE_CLOSED)
FileClosedNoWriteEvent = _event("FileClosedNoWriteEvent", EVENT_TYPE_CLOSED_NO_WRITE)
FileOpenedEvent = _event("FileOpenedEvent", EVENT_TYPE_OPENED)
DirDeletedEvent = _event("DirDeletedEvent", EVENT_TYPE_DELETED, is_directory=True)
DirModifiedEvent = _event("DirModifiedEvent", EVENT_TYPE_MODIFIED, is_directory=True)
DirCreatedEvent = _event("DirCreatedEvent", EVENT_TYPE_CREATED, is_directory=True)
DirMovedEvent = _event("DirMovedEvent", EVENT_TYPE_MOVED, FileSystemMovedEvent, True)


class FileSystemEventHandler:
    """Takes events apart by their kind."""

    def dispatch(self, event: FileSystemEvent) -> None:
        self.on_any_event(event)
        getattr(self, f"on_{event.event_type}")(event)

    def on_any_event(self, event: FileSystemEvent) -> None: ...

    on_moved = on_created = on_deleted = on_modified = on_any_event
    on_closed = on_closed_no_write = on_opened = on_any_event
