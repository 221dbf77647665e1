"""A watch with its handler."""

import inspect
import string

from syft_guest import loop, owner
from watchdog import events

_KINDS = {
    "created": events.FileCreatedEvent,
    "modified": events.FileModifiedEvent,
    "moved": events.FileMovedEvent,
    "deleted": events.FileDeletedEvent,
}


class Watch:
    def __init__(self, globs, kinds, function):
        if not callable(function):
            raise TypeError("the handler of a watch is no function")
        globs = globs if isinstance(globs, (list, tuple)) else [globs]
        self.patterns = [_pattern(glob) for glob in globs]
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
    return f"{owner.DATASITES}/{path}"


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


def _pattern(glob):
    """Returns a glob in the host's way. As in the release, one that begins with no datasite
    matches at any depth."""
    if not isinstance(glob, str):
        raise TypeError(f"{glob!r} is no glob")
    glob = _fill(glob)
    mark, glob = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    glob = glob.removeprefix(owner.DATASITES).lstrip("/") if _is_rooted(glob) else glob
    glob = glob.replace(f"{owner.DATASITE}/app_data/{owner.APP}", "{app_data}")
    if glob.startswith("/"):
        return mark + glob
    first = glob.split("/")[0]
    is_below_a_datasite = "/" in glob and ("@" in first or first.startswith("{"))
    if is_below_a_datasite or glob.startswith("**/") or glob in ("", "**"):
        return mark + (glob or "**")
    return f"{mark}**/{glob}"


def _is_rooted(glob):
    return glob == owner.DATASITES or glob.startswith(owner.DATASITES + "/")


def _fill(glob):
    """Undoubles braces, as `str.format` does in the release, where it would not fail."""
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(glob) if field is not None]
    except ValueError:
        return glob
    if not all(field in ("email", "datasite", "app_data") for field in fields):
        return glob
    return glob.format(email="{email}", datasite="{datasite}", app_data="{app_data}")
