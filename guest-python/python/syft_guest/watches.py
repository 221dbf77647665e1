"""A watch with its handler."""

import inspect

from syft_guest import globs, loop, start
from watchdog import events

_KINDS = {
    "created": events.FileCreatedEvent,
    "modified": events.FileModifiedEvent,
    "moved": events.FileMovedEvent,
    "deleted": events.FileDeletedEvent,
}


class Watch:
    def __init__(self, patterns, kinds, function):
        if not callable(function):
            raise TypeError("the handler of a watch is no function")
        patterns = patterns if isinstance(patterns, (list, tuple)) else [patterns]
        self.patterns = [globs.host_glob(pattern, start.app_name()) for pattern in patterns]
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        # The class of event that each kind is delivered as.
        self.classes = _classes(kinds)

    def kinds(self):
        return list(self.classes)

    def call(self, kind, path, moved_from):
        event = self.classes[kind]
        if kind == "moved":
            event = event(_below(moved_from or path), _below(path))
        else:
            event = event(_below(path))
        result = self.function(event)
        if inspect.isawaitable(result):
            loop.run(result)


def _below(path):
    return f"{globs.DATASITES}/{path}"


def _classes(kinds):
    """Returns which of the host's kinds a filter asks for. A file is reported when it is
    complete, so who asks for closed files gets those that were made or changed."""
    kinds = tuple(kinds) if isinstance(kinds, (list, tuple, set, frozenset)) else (kinds,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, events.FileSystemEvent)):
            raise TypeError(f"event_filter holds {kind!r}, which is no class of events")
    classes = {name: event for name, event in _KINDS.items() if issubclass(event, kinds)}
    if events.FileClosedEvent in kinds:
        for name in ("created", "modified"):
            classes.setdefault(name, events.FileClosedEvent)
    return classes
