"""The owner and their folders, named before they are known.

A program is run once when its component is built. Who owns the datasite in which it
will serve is known only in a call: until then the names are placeholders, which become
the real ones wherever they are used in a call.
"""

import builtins
import io
import os
import pathlib

from syft_guest import host
from syft_guest.globs import APP, DATASITE, DATASITES


def datasite():
    """Returns the name of the owner's folder, as far as it is known."""
    return host.datasite() if host.is_call else DATASITE


def app():
    """Returns the path of the app's folder below `app_data`, as far as it is known."""
    return host.app() if host.is_call else APP


class Owner(str):
    """The email of the owner."""

    def __new__(cls):
        return super().__new__(cls, DATASITE)

    def _now(self):
        return datasite()

    def __radd__(self, other):
        return other + self._now()

    def __reduce__(self):
        return (Owner, ())


def _late(name):
    def method(self, *args, **kwargs):
        return getattr(self._now(), name)(*args, **kwargs)

    method.__name__ = name
    return method


_EARLY = {
    "__new__",
    "__init__",
    "__class__",
    "__doc__",
    "__getattribute__",
    "__getnewargs__",
    "__init_subclass__",
    "__new__",
    "__reduce__",
    "__reduce_ex__",
    "__setattr__",
    "__delattr__",
    "__dir__",
    "__sizeof__",
    "__subclasshook__",
}
for _name in dir(str):
    if _name not in _EARLY and callable(getattr(str, _name)):
        setattr(Owner, _name, _late(_name))


class OwnPath(pathlib.PosixPath):
    """A path below the folder of all datasites."""

    def __str__(self):
        path = super().__str__()
        return resolve(path) if host.is_call else path

    def __fspath__(self):
        return str(self)

    def __repr__(self):
        return f"PosixPath({str(self)!r})"

    def __eq__(self, other):
        if isinstance(other, pathlib.PurePath):
            return str(self) == str(other)
        return NotImplemented

    def __hash__(self):
        return hash(str(self))


_TAKE_PATHS = (
    "access chdir listdir lstat mkdir open remove rename replace rmdir scandir stat truncate "
    "unlink utime"
).split()


def install():
    """Lets text that was made of a placeholder lead to the real folder, too."""
    io.open = builtins.open = _resolving(io.open)
    for name in _TAKE_PATHS:
        if hasattr(os, name):
            setattr(os, name, _resolving(getattr(os, name)))


def _resolving(function):
    def resolved(*args, **kwargs):
        if host.is_call:
            args = [_real(arg) for arg in args]
        return function(*args, **kwargs)

    resolved.__name__ = function.__name__
    return resolved


def _real(path):
    if isinstance(path, str) and path.startswith(DATASITES) and "{" in path:
        return resolve(path)
    return path


def resolve(path):
    """Returns a path with the names that are now known."""
    if DATASITE in path:
        path = path.replace(DATASITE, host.datasite())
    if APP in path:
        path = path.replace(APP, host.app())
    return path
