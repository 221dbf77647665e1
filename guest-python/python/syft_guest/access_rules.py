"""Access rules that a program writes for its own folder.

Who may read and write in a datasite is for its owner to say, so no app writes rules. A program of
SyftEvent that does is not to fail for it: in a call what it writes goes nowhere. What it has written
while its component was built, the app asks its owner for. Rules elsewhere than in its own folder no
app can ask for: the builder says so, and a call does of those that the builder has not seen.
"""

import builtins
import io
import os

from syft_guest import host, log, start
from syft_guest.globs import DATASITE, DATASITES, EMAIL

_NAMES = ("syft.pub.yaml", "syftperm.yaml")
MAX_FILES = 8
MAX_TEXT = 4_096
MAX_TOLD = 64

# Where the program has written rules while its component was built.
_written = []
# What need not be said in a call, since the builder or this instance has said it.
_told = set()


def written():
    """Returns the rules that the program wrote, by their paths in its own folder. Of those
    elsewhere it is the whole path, and no text."""
    found = {}
    for path in _written[:MAX_FILES]:
        try:
            name = start.in_own_folder(path)
        except ValueError:
            if path.startswith(os.path.join(start.FOLDER, "datasites", "")):
                found[path.removeprefix(start.FOLDER).replace(EMAIL, DATASITE)] = ""
            continue
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found[name] = file.read(MAX_TEXT + 1)
        except OSError:
            continue
    return found


def are_told(names):
    """Takes note of the rules of which the builder has said what becomes of them."""
    _told.update(names)


def _is_rules(path):
    return isinstance(path, (str, os.PathLike)) and os.path.basename(os.fspath(path)) in _NAMES


def _is_elsewhere(path):
    try:
        start.in_own_folder(path)
    except ValueError:
        return True
    return False


def _note(path):
    """Takes note of rules, and returns whether what is written goes nowhere."""
    path = os.path.abspath(path)
    if host.is_call:
        _tell(path)
    else:
        _written.append(path)
    return host.is_call or _is_elsewhere(path)


def _tell(path):
    own = os.path.join(start.own_folder(), "")
    datasite = f"{DATASITES}/{host.datasite()}/"
    if path.startswith(own):
        name = path.removeprefix(own)
        advice = "ask for them by [access] in syft-app.toml"
    else:
        name = path.replace(datasite, f"{DATASITES}/{DATASITE}/", 1)
        advice = "an app asks for those of its own folder alone; the owner can put the file there"
    level = "debug" if name in _told else "info"
    if len(_told) < MAX_TOLD:
        _told.add(name)
    log.write(level, f"access rules are not written: {path}: {advice}")


def _opening(function):
    def opening(file, mode="r", *args, **kwargs):
        if not (_is_rules(file) and set(mode) & set("wax+")):
            return function(file, mode, *args, **kwargs)
        if _note(file):
            return io.BytesIO() if "b" in mode else io.StringIO()
        return function(file, mode, *args, **kwargs)

    opening.__name__ = "open"
    return opening


def _moving(function):
    def moving(source, target, *args, **kwargs):
        if not _is_rules(target):
            return function(source, target, *args, **kwargs)
        if _note(target):
            return os.remove(source)
        return function(source, target, *args, **kwargs)

    return moving


def install():
    for module in (io, builtins):
        module.open = _opening(module.open)
    for name in ("rename", "replace"):
        setattr(os, name, _moving(getattr(os, name)))
