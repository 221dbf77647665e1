"""Starts the author's program: once, when its component is built, and what it leaves in memory
is the app; or in each call, where it needs what only a call has.
"""

import gc
import importlib.util
import json
import linecache
import os
import sys
import types

from syft_guest import access_rules, alone, apps, asgi, draws, environment, failure_report
from syft_guest import handlers, host, imports, kept_files, memory, models, schedules, schema
from syft_guest import start
from syft_guest.failure_report import NoApp


def _folder_of(programs):
    """Returns the folder in there, which has the name of the author's own."""
    return os.path.join(programs, *os.listdir(programs)) if os.path.isdir(programs) else programs


# Beside this package: the author's files, and what the builder says of them.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = os.path.join(_HERE, "syft_program")
FOLDER = _folder_of(PROGRAMS)
NAME = os.path.join(_HERE, "syft_program.name")
ARGUMENTS = os.path.join(_HERE, "syft_program.arguments")
ENVIRONMENT = os.path.join(_HERE, "syft_program.environment")
SETTINGS = os.path.join(_HERE, "syft_program.settings")
# Where the builder looks for the name that the program gave its app.
APP = os.path.join(_HERE, "syft_program.app")
# What the first build found, where the program has to start in each call.
PLAN = os.path.join(_HERE, "syft_program.plan")

# Where the host shows a program that is apart from its component.
APART = "/program"
# Python's own library, which lies in two places, our side of the component, and what the
# builder made.
LIBRARY = tuple(dict.fromkeys((os.path.dirname(os.__file__), "/python")))
_NOT_OWN = tuple(f"{path}/" for path in (*LIBRARY, _HERE, "/bundled", "/world", APART))

_plan = None
_name = ""
_arguments = []


def is_there():
    """Returns whether the component is built with a program."""
    return os.path.exists(NAME)


def load():
    """Makes the app of the program; ends the build with a report where that fails."""
    global _name, _arguments
    with open(NAME, encoding="utf-8") as file:
        _name = file.read().strip()
    _arguments = read(ARGUMENTS, [])
    imports.import_library()
    plan = read(PLAN, None)
    environment.begin_build(read(ENVIRONMENT, {}))
    try:
        if plan is None:
            _start_once()
        else:
            _start_later(plan)
    except BaseException as error:
        failure_report.end_build(error, FOLDER)
    environment.end_build()
    memory.is_kept = read(SETTINGS, {}).get("memory") == "kept"
    with open(APP, "w", encoding="utf-8") as file:
        file.write(str(apps.all_apps()[0].app_name if plan is None else plan["app"]))
    kept_files.look_here()
    # What is there now is there in each call: to look through it for garbage would touch all of it.
    gc.collect()
    gc.freeze()


def _start_once():
    """Starts the program now. Plans another build, where what it did has to be done in calls."""
    before = set(sys.modules)
    try_out()
    if start.reasons():
        with open(PLAN, "w", encoding="utf-8") as file:
            json.dump(planned(before), file)
    kept_files.keep(FOLDER, [*package_folders(), *LIBRARY], _loaded().__contains__)


def try_out():
    """Runs the program to find out what it is, with stand-ins for what only a call has."""
    start.begin(FOLDER)
    try:
        _run(FOLDER, compiled(FOLDER, _name))
        if not apps.all_apps():
            raise NoApp("the program makes no SyftEvents")
        _import_late_ones()
        imports.import_native_ones(package_folders())
        handlers.prepare()
        memory.own_modules(name for name, _, _ in _own_modules())
        memory.look()
    finally:
        start.end()
    has_endpoints = any(True for _ in handlers.endpoints())
    if not (has_endpoints or handlers.watches() or schedules.all_schedules()):
        raise NoApp("the program binds no handler: on_request, watch or include_router")
    for _, module, path in _own_modules():
        if _names_its_file(_remember(module, path)):
            start.note("names its own file", os.path.relpath(path, FOLDER))


def _loaded():
    return {getattr(module, "__file__", None) for module in list(sys.modules.values())}


def planned(before):
    """Returns what it takes to start the program in each call, once it was tried out."""
    own = [name for name, _, _ in _own_modules()]
    return {
        "app": str(apps.all_apps()[0].app_name),
        "endpoints": described(),
        "watches": watched(),
        "schedules": scheduled(),
        "modules": [name for name in sys.modules if name not in before and name not in own],
        "own": own,
        "reasons": start.reasons(),
        "rules": access_rules.written(),
    }


def _start_later(plan):
    """Makes ready all that can be before the program runs."""
    take(plan)
    make_ready(plan["modules"])
    kept_files.compile_program(compiled)


def take(plan):
    """Has the program start in each call from now on."""
    global _plan
    _plan = plan
    start.is_app(plan["app"])
    access_rules.are_told(plan.get("rules", ()))
    memory.own_modules(plan["own"])


def make_ready(modules):
    """Imports what does not take the program, and keeps the files of packages and of Python's
    library, of which nobody knows all that calls import."""
    for name in modules:
        imports.attempt(name)
    imports.import_native_ones(package_folders())
    models.prepare()
    kept_files.keep(FOLDER, [*package_folders(), *LIBRARY], _loaded().__contains__)


def lies_in(folder, name, arguments):
    """Says where the program is and how it is called, where the component was built without it."""
    global FOLDER, _name, _arguments
    FOLDER, _name, _arguments = folder, name, arguments


def starts_in_calls():
    return _plan is not None


def described():
    """Returns what is said of each endpoint."""
    if _plan is not None:
        return _plan["endpoints"]
    return [{"path": one.path, **schema.entry(one)} for _, one in handlers.endpoints()]


def watched():
    """Returns what is watched."""
    if _plan is not None:
        return _plan["watches"]
    return [{"patterns": one.patterns, "kinds": one.kinds()} for _, one in handlers.watches()]


def scheduled():
    """Returns what is done by the clock."""
    if _plan is not None:
        return _plan.get("schedules", [])
    return [one.plain() for one in schedules.all_schedules()]


def begin():
    """Begins a call: starts the program, if that is left to do."""
    own = start.own_folder()
    kept_files.begin(own)
    environment.begin(_plan is not None)
    try:
        os.chdir(own)
    except OSError:
        # It was not granted: paths lead where they always did.
        pass
    if _plan is None:
        sys.argv = host.arguments
    else:
        with draws.repeated(), environment.completed():
            _run(own, kept_files.code(f"{FOLDER}/{_name}"))
        memory.look()


def _run(folder, code):
    """Runs the program as if it lay in a folder."""
    path = os.path.join(folder, _name)
    stem = os.path.splitext(os.path.basename(_name))[0]
    # Before the library, as Python has it.
    sys.path.insert(0, os.path.dirname(path))
    _forget_hidden(stem)
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    # Who imports the program by its name gets it, and not a second one.
    sys.modules.setdefault(stem, module)
    of_builder, sys.argv = sys.argv, [_name, *_arguments]
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        if not alone.has_started:
            raise
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    finally:
        host.arguments = sys.argv
        if not host.is_call:
            # The builder goes on with its own, whatever the program did to these.
            sys.argv = of_builder
    asgi.start_all(module)


def read(path, default):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def _forget_hidden(stem):
    """Lets the author's modules win over those of the library that were loaded ahead. Who
    has the library's already, keeps it."""
    for entry in kept_files.names(FOLDER):
        name = os.path.splitext(entry)[0]
        is_library = name in sys.stdlib_module_names and name not in sys.builtin_module_names
        if name != stem and is_library:
            sys.modules.pop(name, None)


def compiled(folder, name):
    """Returns the code of a file, whose lines tracebacks can show from here on."""
    with open(os.path.join(folder, name), "rb") as file:
        source = file.read()
    _remember_lines(name, source)
    return compile(source, name, "exec", dont_inherit=True)


def _remember_lines(name, source):
    """Lets tracebacks of calls show lines of files that are there no more."""
    try:
        text = importlib.util.decode_source(source)
    except (SyntaxError, UnicodeDecodeError):
        # Compiling it says more about that.
        return
    linecache.cache[name] = (len(source), None, text.splitlines(True), name)


def _own_modules():
    """Yields the names of the author's modules, them, and their files."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and path.startswith(FOLDER):
            yield name, module, path


def package_folders():
    """Returns where packages are that were installed for the program."""
    paths = [path for path in sys.path if path.startswith("/")]
    return [path for path in paths if not f"{path}/".startswith(_NOT_OWN)]


def _import_late_ones():
    """Imports what the author's functions import."""
    seen = set()
    while True:
        new = [(module, path) for _, module, path in _own_modules() if path not in seen]
        if not new:
            return
        for module, path in new:
            seen.add(path)
            code = _remember(module, path)
            for name in imports.imported(code, module.__package__ or ""):
                imports.attempt(name)


def _remember(module, path):
    """Returns the code of a module, whose lines tracebacks can show from here on."""
    with open(path, "rb") as file:
        source = file.read()
    if module.__name__ != "__main__":
        _remember_lines(path, source)
    # A tree of Python objects would be many times larger, and stay in what is kept.
    return compile(source, path, "exec", dont_inherit=True)


def _names_its_file(code):
    if "__file__" in code.co_names:
        return True
    return any(_names_its_file(part) for part in code.co_consts if isinstance(part, types.CodeType))
