"""Runs the author's program, once, when its component is built.

What it leaves in memory is the app. Importing takes time, so what the author's functions import is
imported here as well.
"""

import dis
import importlib
import importlib.util
import json
import linecache
import os
import sys
import traceback
import types

from syft_guest import alone, apps, calls, environment, host, kept_files

# Beside this package: the author's files, and a file that says which one is the program.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(_HERE, "syft_program")
NAME = os.path.join(_HERE, "syft_program.name")
ARGUMENTS = os.path.join(_HERE, "syft_program.arguments")
ENVIRONMENT = os.path.join(_HERE, "syft_program.environment")
# And where the builder looks for the name that the program gave its app.
APP = os.path.join(_HERE, "syft_program.app")

# Python's own library, which lies in two places, our side of the component, and what the
# builder made.
_NOT_OWN = (os.path.dirname(os.__file__), "/python/", _HERE, "/bundled/", "/world/")

# The host looks for the line that begins so.
ERROR = "@syft-host-error@"

# Loaded ahead: programs and the library itself import these late, and they are small.
_LIBRARY = """
    _strptime abc argparse array base64 binascii bisect calendar cmath collections collections.abc colorsys
    contextlib contextvars copy csv dataclasses datetime decimal difflib email.utils enum errno
    fnmatch fractions functools glob gzip hashlib heapq hmac html html.parser importlib.resources
    inspect io ipaddress itertools json keyword linecache locale logging logging.handlers math
    mimetypes numbers operator os.path pathlib pickle platform posixpath pprint queue quopri random
    re reprlib secrets shelve shlex shutil signal stat statistics string stringprep struct
    tempfile textwrap threading time timeit tokenize tomllib traceback types typing unicodedata
    unittest.mock urllib.error urllib.parse uuid warnings weakref xml.etree.ElementTree zipfile
    zlib zoneinfo concurrent.futures asyncio
    encodings.ascii encodings.cp1252 encodings.hex_codec encodings.idna encodings.latin_1
    encodings.punycode encodings.utf_16 encodings.utf_32 encodings.utf_8_sig
"""


def load():
    """Runs the program; ends the build with a report where that fails."""
    with open(NAME, encoding="utf-8") as file:
        name = file.read().strip()
    for module in _LIBRARY.split():
        _try_import(module)
    environment.begin_build(ENVIRONMENT)
    try:
        _run(name)
        _import_late_ones()
        _import_native_ones()
        calls.prepare()
        if not apps.all_apps():
            raise NoApp("the program makes no SyftEvents")
        if not any(True for _ in calls.endpoints()) and not calls.watches():
            raise NoApp("the program binds no handler: on_request, watch or include_router")
    except BaseException as error:
        _report(error)
    environment.end_build()
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    kept_files.keep(FOLDER, _package_folders(), lambda path: path in loaded)
    with open(APP, "w", encoding="utf-8") as file:
        file.write(str(apps.all_apps()[0].app_name))


class NoApp(Exception):
    """There is nothing to serve."""


def _run(name):
    path = os.path.join(FOLDER, name)
    stem = os.path.splitext(os.path.basename(name))[0]
    # Before the library, as Python has it.
    sys.path.insert(0, FOLDER)
    _forget_hidden(stem)
    os.chdir(FOLDER)
    of_builder, sys.argv = sys.argv, [name, *_arguments()]
    with open(path, "rb") as file:
        source = file.read()
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    # Who imports the program by its name gets it, and not a second one.
    sys.modules.setdefault(stem, module)
    _remember_lines(name, source)
    code = compile(source, name, "exec", dont_inherit=True)
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        if not alone.has_started:
            raise
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    finally:
        # The builder goes on with its own, whatever the program did to these.
        host.arguments, sys.argv = sys.argv, of_builder


def _arguments():
    try:
        with open(ARGUMENTS, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return []


def _forget_hidden(stem):
    """Lets the author's modules win over those of the library that were loaded ahead. Who
    has the library's already, keeps it."""
    for entry in os.listdir(FOLDER):
        name = os.path.splitext(entry)[0]
        is_library = name in sys.stdlib_module_names and name not in sys.builtin_module_names
        if name != stem and is_library:
            sys.modules.pop(name, None)


def _remember_lines(name, source):
    """Lets tracebacks of calls show lines of files that are there no more."""
    try:
        text = importlib.util.decode_source(source)
    except (SyntaxError, UnicodeDecodeError):
        # Compiling it says more about that.
        return
    linecache.cache[name] = (len(source), None, text.splitlines(True), name)


def _own_modules():
    """Yields the author's modules."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not path.endswith(".py"):
            continue
        if path.startswith(FOLDER):
            yield module, path


def _package_folders():
    """Returns where packages are that were installed for the program."""
    return [path for path in sys.path if path.startswith("/") and not path.startswith(_NOT_OWN)]


def _import_late_ones():
    """Imports what the author's functions import."""
    seen = set()
    while True:
        new = [(module, path) for module, path in _own_modules() if path not in seen]
        if not new:
            return
        for module, path in new:
            seen.add(path)
            code = _remember(module, path)
            for name in _imported(code, module.__package__ or ""):
                _try_import(name)


def _remember(module, path):
    """Returns the code of a module, whose lines tracebacks can show from here on."""
    with open(path, "rb") as file:
        source = file.read()
    if module.__name__ != "__main__":
        _remember_lines(path, source)
    # A tree of Python objects would be many times larger, and stay in what is kept.
    return compile(source, path, "exec", dont_inherit=True)


def _import_native_ones():
    """Imports native modules of packages, which only the build can load."""
    for root in _package_folders():
        for base, _, names in os.walk(root):
            for name in names:
                stem, _, end = name.partition(".")
                if end.endswith("so"):
                    path = os.path.relpath(os.path.join(base, stem), root)
                    _try_import(path.replace(os.sep, "."))


def _imported(code, package):
    """Yields what a code imports, and the functions in it."""
    level, names = 0, ()
    before = [None, None]
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level, names = before
            yield from _absolute(step.argval, level, names or (), package)
        before = [before[1], step.argval]
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _imported(part, package)


def _absolute(name, level, names, package):
    try:
        name = importlib.util.resolve_name("." * level + name, package)
    except ImportError:
        return
    yield name
    # They may be modules, too.
    yield from (f"{name}.{each}" for each in names if each != "*")


def _try_import(name):
    try:
        importlib.import_module(name)
    except Exception:
        # Where it is needed, it says so.
        pass


def _report(error):
    """Ends the build, saying what is wrong with the program and where."""
    file, line = _place(error)
    said = {
        "kind": type(error).__name__,
        "message": _message(error),
        "file": file,
        "line": line,
        "source": linecache.getline(_full(file), line).strip() if line else "",
        "hint": _hint(error),
        "traceback": _trace(error),
    }
    print(f"\n{ERROR}{json.dumps(said)}", file=sys.stderr, flush=True)
    # Anything ends the build.
    raise SystemExit(1)


def _message(error):
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _full(file):
    return file if file in linecache.cache else os.path.join(FOLDER, file or "")


def _own_name(path):
    """Returns the name of an author's file as the author knows it."""
    if path is None:
        return None
    if path.startswith(FOLDER):
        return os.path.relpath(path, FOLDER)
    return path if not path.startswith(("/", "<")) else None


def _place(error):
    """Returns the author's file and line from which it came."""
    if isinstance(error, SyntaxError) and _own_name(error.filename):
        return _own_name(error.filename), error.lineno or 0
    place = (None, 0)
    for frame in traceback.extract_tb(error.__traceback__):
        name = _own_name(frame.filename)
        if name:
            place = (name, frame.lineno)
    if place[0] is None and isinstance(getattr(error, "handler", None), types.FunctionType):
        code = error.handler.__code__
        place = (_own_name(code.co_filename), code.co_firstlineno)
    return place


def _trace(error):
    """Returns the traceback without our own part of it."""
    trace = error.__traceback__
    while trace is not None and _own_name(trace.tb_frame.f_code.co_filename) is None:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))[-8_000:]


def _hint(error):
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
