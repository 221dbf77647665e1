"""Access rules that a program writes for its own folder.

Who may read and write in a datasite is for its owner to say, so no app writes rules. A program of
SyftEvent that does is not to fail for it: what it writes goes nowhere, and the log says so.
"""

import builtins
import io
import os

from syft_guest import host, log

_NAMES = ("syft.pub.yaml", "syftperm.yaml")
_told = set()


def _is_rules(path):
    return isinstance(path, (str, os.PathLike)) and os.path.basename(os.fspath(path)) in _NAMES


def _tell(path):
    path = os.fspath(path)
    if path not in _told:
        _told.add(path)
        log.write(
            "warn",
            f"the app wants to write access rules, which only you can: {path} stays as it is",
        )


def _opening(function):
    def opening(file, mode="r", *args, **kwargs):
        try:
            return function(file, mode, *args, **kwargs)
        except PermissionError:
            if not (host.is_call and _is_rules(file) and set(mode) & set("wax+")):
                raise
            _tell(file)
            return io.BytesIO() if "b" in mode else io.StringIO()

    opening.__name__ = "open"
    return opening


def _moving(function):
    def moving(source, target, *args, **kwargs):
        try:
            return function(source, target, *args, **kwargs)
        except PermissionError:
            if not (host.is_call and _is_rules(target)):
                raise
            _tell(target)
            os.remove(source)

    return moving


def install():
    for module in (io, builtins):
        module.open = _opening(module.open)
    for name in ("rename", "replace"):
        setattr(os, name, _moving(getattr(os, name)))
