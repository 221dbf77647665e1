"""Whether a program can start once, while its component is built, or has to in each call.

What a program does at its start may need what only a call has: the owner's email, their files, a
folder of its own. While the component is built there are stand-ins for these, in a folder of the
builder. A program that uses one is built a second time, without running it: it starts in each
call then, where all of it is real.
"""

import builtins
import contextlib
import io
import os
import sys
import tempfile

from syft_guest import host
from syft_guest.globs import DATASITES, EMAIL

MAX_REASONS = 10

_here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The builder's folder, with stand-ins for what a call has.
FOLDER = os.path.join(_here, "syft_start")

# The author's files, while they run.
_program = None
_reasons = {}
_app_name = None

_CHANGING = "chmod mkdir remove rename replace rmdir truncate unlink utime".split()
_LOOKING = "access chdir listdir lstat scandir stat".split()


def datasites():
    """Returns the folder of all datasites."""
    if host.is_call:
        return DATASITES
    need("uses the owner's files")
    return os.path.join(FOLDER, "datasites")


def email():
    """Returns the email of the owner."""
    if host.is_call:
        return host.datasite()
    need("uses the owner's email")
    return EMAIL


def app_name(name=None):
    """Returns the name of the app, or that of another one. Its owner may serve it by a name that
    is not the program's."""
    if not host.is_call:
        return name or _app_name or "app"
    return host.app() if name in (None, _app_name) else name


def is_app(name):
    """Takes note of the name that the program gives its app."""
    global _app_name
    _app_name = name


def make_own_folder(name):
    """Makes the stand-in for the app's own folder."""
    if _program is not None and isinstance(name, str):
        is_app(name)
        with contextlib.suppress(OSError, ValueError):
            _makedirs(os.path.join(FOLDER, "datasites", EMAIL, "app_data", name))


def own_folder():
    """Returns the app's own folder in a call: the current one."""
    return f"{DATASITES}/{host.datasite()}/app_data/{host.app()}"


def in_own_folder(path):
    """Returns where a path is in the stand-in for the app's own folder. Raises `ValueError`."""
    own = os.path.join(FOLDER, "datasites", EMAIL, "app_data", app_name(), "")
    current = os.path.join(FOLDER, "cwd", "")
    for folder in (own, current):
        if path.startswith(folder):
            return path.removeprefix(folder)
    raise ValueError(path)


def temporary():
    return "/tmp" if host.is_call else os.path.join(FOLDER, "tmp")


def need(what):
    """Notes that a line of the author's does what only a call can, if one does."""
    line = None if _program is None else _authors_line()
    if line is not None:
        note(what, line)


def note(what, line):
    if len(_reasons) < MAX_REASONS:
        _reasons.setdefault((what, line), None)


def reasons():
    """Returns why the program has to start in each call."""
    return [{"what": what, "line": line} for what, line in _reasons]


def stand_in(folder):
    """Says where the stand-ins are to be made."""
    global FOLDER
    FOLDER = folder


def begin(program):
    """Notes from now on what the program in a folder does."""
    global _program
    _reasons.clear()
    _makedirs(FOLDER)
    for folder in ("datasites", "cwd", "tmp"):
        _makedirs(os.path.join(FOLDER, folder))
    os.chdir(os.path.join(FOLDER, "cwd"))
    tempfile.tempdir = temporary()
    _program = program


def end():
    global _program
    _program = None


def _authors_line():
    """Returns the place of the author's line that is run, if it is no import of a package."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return None
        if not name.startswith(("/", "<")):
            return f"{name}:{frame.f_lineno}"
        if name.startswith(_program + "/"):
            return f"{os.path.relpath(name, _program)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def _changing(function, name):
    def changing(*args, **kwargs):
        if _program is not None:
            need("changes files")
        return function(*args, **kwargs)

    changing.__name__ = name
    return changing


def _looking(function, name):
    """Looks beside the program for what the current folder lacks, as in a call."""

    def looking(path=".", *args, **kwargs):
        if _program is None or isinstance(path, int):
            return function(path, *args, **kwargs)
        beside = _beside(path)
        if beside is not None:
            return function(beside, *args, **kwargs)
        if _is_of_start(path):
            need("looks at files")
        return function(path, *args, **kwargs)

    looking.__name__ = name
    return looking


def _opening(function):
    def opening(file, mode="r", *args, **kwargs):
        if _program is None or isinstance(file, int):
            return function(file, mode, *args, **kwargs)
        if set(str(mode)) & set("wax+"):
            need("changes files")
        else:
            beside = _beside(file)
            if beside is None and _is_of_start(file):
                need("looks at files")
            file = file if beside is None else beside
        return function(file, mode, *args, **kwargs)

    opening.__name__ = "open"
    return opening


def _os_open(function):
    def opening(path, flags, *args, **kwargs):
        if _program is not None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            need("changes files")
        return function(path, flags, *args, **kwargs)

    return opening


def _getcwd(function):
    def getcwd():
        if _program is not None:
            need("asks for the current folder")
        return function()

    return getcwd


def _text(path):
    try:
        path = os.fspath(path)
    except TypeError:
        return None
    return path if isinstance(path, str) else os.fsdecode(path)


def _beside(path):
    """Returns where a file beside the program is that is not in the current folder."""
    path = _text(path)
    if not path or path.startswith("/") or _exists(path):
        return None
    beside = f"{_program}/{path}"
    return beside if _exists(beside) else None


def _is_of_start(path):
    path = _text(path)
    if path is None:
        return False
    return not path.startswith("/") or path.startswith((FOLDER + "/", DATASITES))


def _exists(path):
    try:
        _stat(path)
    except (OSError, ValueError):
        return False
    return True


_stat = os.stat
_mkdir = os.mkdir


def _makedirs(path):
    """Makes folders without taking it for something that the program does."""
    parent = os.path.dirname(path)
    if parent.startswith(FOLDER) and not _exists(parent):
        _makedirs(parent)
    if not _exists(path):
        _mkdir(path)


def install():
    for module in (io, builtins):
        module.open = _opening(module.open)
    for name in _CHANGING:
        if hasattr(os, name):
            setattr(os, name, _changing(getattr(os, name), name))
    for name in _LOOKING:
        setattr(os, name, _looking(getattr(os, name), name))
    os.open = _os_open(os.open)
    os.getcwd = _getcwd(os.getcwd)
