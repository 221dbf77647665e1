"""Why a program does not build, for the host to show."""

import json
import linecache
import os
import sys
import traceback
import types

from syft_guest import environment, start

# The host looks for the line that begins so.
ERROR = "@syft-host-error@"


class NoApp(Exception):
    """There is nothing to serve."""


def end_build(error, folder):
    """Ends the build, saying what is wrong with the program in a folder and where."""
    print(f"\n{ERROR}{json.dumps(report(error, folder))}", file=sys.stderr, flush=True)
    # Anything ends the build.
    raise SystemExit(1)


def report(error, folder):
    """Returns what is wrong with the program in a folder, and where."""
    file, line = _place(error, folder)
    return {
        "kind": type(error).__name__,
        "message": _message(error),
        "file": file,
        "line": line,
        "source": linecache.getline(_full(file, folder), line).strip() if line else "",
        "hint": _hint(error),
        # A file that is missing is named by the line above, and more says nothing of it.
        "traceback": "" if _missing_file(error) and file else _trace(error, folder),
    }


def _message(error):
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    # As the author knows these.
    text = text.replace(os.path.join(start.FOLDER, "datasites"), "/datasites")
    return text.replace(os.path.join(start.FOLDER, "cwd", ""), "")


def _full(file, folder):
    return file if file in linecache.cache else os.path.join(folder, file or "")


def _own_name(path, folder):
    """Returns the name of an author's file as the author knows it."""
    if path is None:
        return None
    if path.startswith(folder):
        return os.path.relpath(path, folder)
    return path if not path.startswith(("/", "<")) else None


def _place(error, folder):
    """Returns the author's file and line from which it came."""
    if isinstance(error, SyntaxError) and _own_name(error.filename, folder):
        return _own_name(error.filename, folder), error.lineno or 0
    place = (None, 0)
    for frame in traceback.extract_tb(error.__traceback__):
        name = _own_name(frame.filename, folder)
        if name:
            place = (name, frame.lineno)
    if place[0] is None and isinstance(getattr(error, "handler", None), types.FunctionType):
        code = error.handler.__code__
        place = (_own_name(code.co_filename, folder), code.co_firstlineno)
    return place


def _trace(error, folder):
    """Returns the traceback without our own part of it."""
    trace = error.__traceback__
    while trace is not None and _own_name(trace.tb_frame.f_code.co_filename, folder) is None:
        trace = trace.tb_next
    # An error of none of the author's lines is shown with all that led to it.
    trace = trace or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))[-8_000:]


def _missing_file(error):
    """Returns the path of the file that is missing, if that is what is wrong."""
    if not isinstance(error, FileNotFoundError) or not isinstance(error.filename, (str, bytes)):
        return None
    return os.fsdecode(error.filename)


def _file_hint(path):
    datasites = os.path.join(start.FOLDER, "datasites", "")
    for folder in (datasites, "/datasites/"):
        if path.startswith(folder):
            below = path.removeprefix(folder)
            return (
                "files of datasites are there in calls only: read it in a handler, and ask for it "
                f'in a syft-app.toml: [files] read = ["{below}"]'
            )
    name = path.removeprefix(os.path.join(start.FOLDER, "cwd", ""))
    if name.startswith("/"):
        return "a program sees no files of the machine: put it beside the program, and --include it"
    return f"a file beside the program goes in with --include {name}, and there are no others"


def _hint(error):
    missing = _missing_file(error)
    if missing:
        return _file_hint(missing)
    if isinstance(error, NoApp) and "fastapi" in sys.modules:
        return 'write app = FastSyftBox(app_name="my_app"), of the package fastsyftbox, for FastAPI()'
    if isinstance(error, NoApp):
        return 'write box = SyftEvents("my_app"), and @box.on_request("/hello") above a function'
    if isinstance(error, ImportError):
        return _import_hint((error.name or "").split(".")[0])
    return environment.hint(error)


def _import_hint(name):
    if name in sys.stdlib_module_names or name.lstrip("_") in sys.stdlib_module_names:
        return f"the sandbox has no {name.lstrip('_')}: it has no sockets, processes or C libraries"
    return (
        f"if {name} is pure Python, name it in a requirements.txt beside the program; "
        "packages with native code cannot run in the sandbox"
    )
