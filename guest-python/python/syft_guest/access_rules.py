"""Access rules that a program writes for its own folder.

Who may read and write in a datasite is for its owner to say, so no app writes rules. A program of
SyftEvent that does is not to fail for it: in a call what it writes goes nowhere. What it has written
while its component was built, the app asks its owner for.
"""

import builtins
import io
import os

from syft_guest import host, log, start

_NAMES = ("syft.pub.yaml", "syftperm.yaml")
MAX_FILES = 8
MAX_TEXT = 4_096

# Where the program has written rules while its component was built.
_written = []


def written():
    """Returns the rules that the program wrote, by their paths in its own folder."""
    found = {}
    for path in _written[:MAX_FILES]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found[start.in_own_folder(path)] = file.read(MAX_TEXT + 1)
        except (OSError, ValueError):
            continue
    return found


def _is_rules(path):
    return isinstance(path, (str, os.PathLike)) and os.path.basename(os.fspath(path)) in _NAMES


def _note(path):
    if host.is_call:
        log.write("debug", f"access rules are not written: {os.fspath(path)}")
    else:
        _written.append(os.path.abspath(path))


def _opening(function):
    def opening(file, mode="r", *args, **kwargs):
        if not (_is_rules(file) and set(mode) & set("wax+")):
            return function(file, mode, *args, **kwargs)
        _note(file)
        if not host.is_call:
            return function(file, mode, *args, **kwargs)
        return io.BytesIO() if "b" in mode else io.StringIO()

    opening.__name__ = "open"
    return opening


def _moving(function):
    def moving(source, target, *args, **kwargs):
        if not _is_rules(target):
            return function(source, target, *args, **kwargs)
        _note(target)
        return os.remove(source) if host.is_call else function(source, target, *args, **kwargs)

    return moving


def install():
    for module in (io, builtins):
        module.open = _opening(module.open)
    for name in ("rename", "replace"):
        setattr(os, name, _moving(getattr(os, name)))
