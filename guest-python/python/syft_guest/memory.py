"""Memory that is kept from one call to the next: what a program's variables, its objects and its
closures hold.

Each call begins with what the start of the program left in memory. What the calls before it
changed of that is written into it again, and what this call changes is kept with the state, in
the same transaction. What is looked at are the lists, dicts, sets and objects of the author's own
classes that can be reached from the author's modules and handlers; they stay the objects that they
are, so whoever refers to them sees the change.
"""

import collections
import io
import pickle
import sys
import types

from syft_guest import asgi, handlers, host, log, replies, schedules
from syft_guest.state import MEMORY_KEY as KEY

# A change is found by comparing what an object holds with a copy that is not deeper.
_CONTAINERS = (list, dict, set, collections.deque, bytearray)
MAX_OBJECTS = 20_000
_PART = 512 << 10
_TOLD = f"{KEY}:told"
_MISSING = object()

# Whether the app asked for it.
is_kept = False

_modules = []
# What was there at the start, by its identity, and the paths by which one gets there.
_known = {}
_paths = set()
_bucket = None
_before = None


class _Place:
    """An object that was there at the start, and what it held."""

    __slots__ = ("path", "kind", "object", "held")

    def __init__(self, path, kind, value):
        self.path, self.kind, self.object = path, kind, value
        self.held = kind.read(value)


class _Content:
    """A list or the like."""

    @staticmethod
    def read(value):
        return value.copy()

    @staticmethod
    def write(value, content):
        value.clear()
        if isinstance(value, (dict, set)):
            value.update(content)
        else:
            value.extend(content)

    @staticmethod
    def items(held):
        if isinstance(held, dict):
            return ((f"[{key!r}]", item) for key, item in held.items())
        if isinstance(held, bytearray):
            return ()
        return ((f"[{index}]", item) for index, item in enumerate(held))


class _Attributes:
    """An object with attributes: one of the author's classes, such a class, or a function."""

    @staticmethod
    def read(value):
        return {name: item for name, item in vars(value).items() if not _is_hidden(name)}

    @staticmethod
    def write(value, content):
        for name in _Attributes.read(value):
            if name not in content:
                delattr(value, name)
        for name, item in content.items():
            if vars(value).get(name, _MISSING) is not item:
                _set(value, name, item)

    @staticmethod
    def items(held):
        return ((f".{name}", item) for name, item in held.items())


class _Cell:
    """A variable of a function that is used by another one in it."""

    @staticmethod
    def read(value):
        try:
            return [value.cell_contents]
        except ValueError:
            return []

    @staticmethod
    def write(value, content):
        if content:
            value.cell_contents = content[0]

    @staticmethod
    def items(held):
        return (("", item) for item in held)


_KINDS = {kind.__name__: kind for kind in (_Content, _Attributes, _Cell)}


def _set(value, name, item):
    try:
        object.__setattr__(value, name, item)
    except TypeError:
        # A class.
        setattr(value, name, item)


def _is_hidden(name):
    return name.startswith("__") and name.endswith("__")


def own_modules(names):
    """Says which modules are the author's."""
    _modules[:] = names


def begin():
    """Writes into what the program's start left what the calls before changed."""
    global _before
    if is_kept:
        _before = _load()
        if _before is not None:
            _restore(_before)


def end():
    """Keeps what the call changed, or says that it is lost."""
    changed = [place for place in _known.values() if _is_changed(place)]
    if is_kept:
        _keep(changed)
    elif changed:
        _tell(changed)


def look():
    """Notes what the program's start left: all that can be reached, the nearest first."""
    _known.clear()
    _paths.clear()
    queue = collections.deque()
    for name in _modules:
        module = sys.modules.get(name)
        if module is not None:
            _meet(name, _Attributes, module, queue)
    for app, endpoint in handlers.endpoints():
        queue.append((endpoint.path, endpoint.function))
    for _, watch in handlers.watches():
        queue.append((watch.name, watch.function))
    queue.extend(replies.handlers())
    queue.extend((one.name, one.function) for one in schedules.all_schedules())
    while queue and len(_known) < MAX_OBJECTS:
        _visit(*queue.popleft(), queue)


def _meet(path, kind, value, queue):
    if id(value) in _known:
        return
    while path in _paths:
        path += "'"
    _paths.add(path)
    place = _known[id(value)] = _Place(path, kind, value)
    queue.extend((f"{path}{name}", item) for name, item in kind.items(place.held))


def _visit(path, value, queue):
    if isinstance(value, _CONTAINERS):
        _meet(path, _Content, value, queue)
    elif isinstance(value, tuple):
        queue.extend((f"{path}[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, types.FunctionType):
        if value.__module__ in _modules:
            _visit_function(path, value, queue)
    elif isinstance(value, types.MethodType):
        queue.append((f"{path}.__self__", value.__self__))
    elif isinstance(value, (staticmethod, classmethod, property)):
        function = getattr(value, "__func__", None) or getattr(value, "fget", None)
        queue.append((path, function))
    elif _is_own(value):
        _meet(path, _Attributes, value, queue)
    elif (state := asgi.state_of(value)) is not None:
        queue.append((f"{path}.state", state))


def _visit_function(path, function, queue):
    _meet(path, _Attributes, function, queue)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        _meet(f"{path}.{name}", _Cell, cell, queue)
    for name, item in (function.__kwdefaults__ or {}).items():
        queue.append((f"{path}({name})", item))
    for index, item in enumerate(function.__defaults__ or ()):
        queue.append((f"{path}({index})", item))
    if wrapped := getattr(function, "__wrapped__", None):
        queue.append((f"{path}.__wrapped__", wrapped))


def _is_own(value):
    """Returns whether a value is an object of an author's class, or such a class."""
    kind = value if isinstance(value, type) else type(value)
    if any(base.__module__ in _modules for base in kind.__mro__):
        return hasattr(value, "__dict__") and not isinstance(value, BaseException)
    return isinstance(value, types.SimpleNamespace)


def _is_changed(place):
    try:
        return place.kind.read(place.object) != place.held
    except Exception:
        # Objects that cannot be compared.
        return True


class _Pickler(pickle.Pickler):
    """Writes what was there at the start by its place."""

    def __init__(self, file, places):
        super().__init__(file, protocol=5)
        self._places = places

    def persistent_id(self, value):
        place = self._places.get(id(value))
        return None if place is None or place.object is not value else place.path

    def reducer_override(self, value):
        if isinstance(value, types.CellType):
            raise TypeError("a variable of a function cannot be kept")
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, places):
        super().__init__(file)
        self._places = places

    def persistent_load(self, path):
        return self._places[path].object


def _keep(changed):
    """Writes what changed, where it is not what was kept already."""
    if not changed and _before is None:
        return
    contents, lost = {}, []
    for place in changed:
        content = place.kind.read(place.object)
        if isinstance(content, dict):
            content = _writable(place, content, lost)
            if content == dict.fromkeys(place.held, _Same):
                continue
        elif _pickled(content) is None:
            lost.append(_shown(place.path))
            continue
        contents[place.path] = content
    if lost:
        log.write("warn", f"not kept in memory, for it cannot be written: {', '.join(lost[:5])}")
    if not contents and _before is None:
        return
    data = _pickled(contents) or b""
    if data != _before:
        _store(data)


def _writable(place, content, lost):
    """Returns the items that can be written, and which are as at the start, whatever they are."""
    kept = {}
    for name, item in content.items():
        if item is place.held.get(name, _MISSING) and id(item) not in _known:
            kept[name] = _Same
        elif _pickled((name, item)) is not None:
            kept[name] = item
        else:
            lost.append(_shown(f"{place.path}.{name}"))
    return kept


def _shown(path):
    return path.removeprefix("__main__.")


class _Same:
    """Stands for an attribute that is as at the start."""


def _pickled(value):
    file = io.BytesIO()
    try:
        _Pickler(file, _known).dump(value)
    except Exception:
        return None
    return file.getvalue()


def _restore(data):
    if not data:
        return
    places = {place.path: place for place in _known.values()}
    for path, content in _Unpickler(io.BytesIO(data), places).load().items():
        place = places.get(path)
        if place is None:
            continue
        if isinstance(content, dict):
            content = {
                name: place.held[name] if item is _Same else item
                for name, item in content.items()
                if item is not _Same or name in place.held
            }
        place.kind.write(place.object, content)


def _open():
    global _bucket
    if _bucket is None:
        _bucket = host.Bucket()
    return _bucket


def _load():
    """Returns what was kept, or `None`."""
    first = _open().get(KEY)
    if first is None:
        return None
    count = int.from_bytes(first[:2])
    return first[2:] + b"".join(_open().get(f"{KEY}:{index}") for index in range(1, count))


def _store(data):
    parts = [data[start : start + _PART] for start in range(0, len(data), _PART)] or [b""]
    for index, part in enumerate(parts[1:], 1):
        _open().set(f"{KEY}:{index}", part)
    _open().set(KEY, len(parts).to_bytes(2) + parts[0])


def _tell(changed):
    """Says once of each variable that what a handler changed is lost."""
    paths = [_shown(place.path) for place in changed]
    told = (_open().get(_TOLD) or b"").decode().split("\n")
    new = [path for path in paths if path not in told][:5]
    if not new:
        return
    log.write(
        "warn",
        f"a handler changed {', '.join(new)}, which the next call finds as it was at the start: "
        'keep it in box.state, or write [state] memory = "kept" into syft-app.toml',
    )
    _open().set(_TOLD, "\n".join([*told, *new])[-4_096:].encode())
