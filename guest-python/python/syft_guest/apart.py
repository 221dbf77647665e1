"""A program apart from its component: the component has the interpreter and packages, and the host
shows the files of the program to each call. So a changed program is served at once.

Such a program starts in each call. What that takes is found out by trying it out, in a first call
that belongs to nobody, as a build does.
"""

import base64
import contextlib
import io
import json
import marshal
import os
import sys

from syft_guest import draws, environment, failure_report, imports, kept_files, memory
from syft_guest import program, start, testing

# Where the host shows the files of the program, what it says of it, and what was found out.
FILES = f"{program.APART}/files"
ABOUT = f"{program.APART}/about.json"
PLAN = f"{program.APART}/plan"

# More than this is compiled anew in calls.
MAX_CODES = 2 << 20

_is_so = False
# The variables that packages read when they were imported, which was before the program had any.
_read_early = frozenset()


def load():
    """Makes ready all that takes no program."""
    global _is_so, _read_early
    _is_so = True
    imports.import_library()
    environment.begin_build({})
    imports.import_packages(program.package_folders())
    environment.end_build()
    _read_early = environment.read_names()
    program.make_ready(())


def begin():
    """Begins a call. Takes the program as the host shows it, if it does and there is a plan; tells
    whether the component is one for programs apart."""
    if _is_so and not program.starts_in_calls() and os.path.exists(PLAN):
        with io.FileIO(PLAN) as file:
            _take(marshal.loads(file.readall()))
    return _is_so


def _take(plan):
    folder = os.path.join(program.PROGRAMS, plan["folder"])
    program.lies_in(folder, plan["name"], plan["arguments"])
    program.take(plan)
    memory.is_kept = plan["is_kept"]
    draws.seed = plan["seed"]
    environment.stand_ins = plan["stand_ins"]
    kept_files.mount(folder, f"{FILES}/{plan['folder']}", plan["folders"], plan["sizes"])
    kept_files.take_codes(plan["codes"])
    testing.take(plan["tests"])


def try_out():
    """Runs the program as a build does. Returns as JSON what that finds out, or why it fails."""
    about = program.read(ABOUT, {})
    (name,) = os.listdir(FILES)
    folder = f"{FILES}/{name}"
    program.lies_in(folder, about["file"], about["arguments"])
    start.stand_in("/tmp/start")
    # There is no place for it.
    sys.dont_write_bytecode = True
    environment.begin_build(about["environment"])
    kept_files.begin(folder)
    before = set(sys.modules)
    try:
        program.try_out()
        # What a program made of texts and numbers is none of it.
        plan = json.loads(json.dumps(program.planned(before)))
    except BaseException as error:
        return json.dumps({"error": failure_report.report(error, folder)}).encode()
    variables, secrets = about["environment"]["variables"], about["environment"]["secrets"]
    tests = testing.listed(folder, about["tests"])
    plan |= {
        "folder": name,
        "name": about["file"],
        "arguments": about["arguments"],
        "is_kept": about["memory"] == "kept",
        "seed": os.urandom(32),
        "stand_ins": {one["name"]: one["stand_in"] for one in secrets if not one["is_read"]},
        "tests": [one["name"] for one in tests],
        **_files(folder, os.path.join(program.PROGRAMS, name)),
    }
    said = {
        "app": plan["app"],
        "rules": plan["rules"],
        "tests": tests,
        "unread": sorted(_read_early & variables.keys()),
        "plan": base64.b64encode(marshal.dumps(plan)).decode(),
    }
    return json.dumps(said).encode()


def _files(folder, later):
    """Returns the program's files and the codes of all that was loaded, by their paths in calls."""
    folders, sizes = kept_files.listed(folder)
    codes, total = {}, 0
    for below in sizes:
        if below.endswith(".py"):
            with contextlib.suppress(SyntaxError, ValueError):
                codes[later + below] = marshal.dumps(program.compiled(folder, below[1:]))
    for path, code in kept_files.codes().items():
        total += len(code)
        if total <= MAX_CODES:
            codes[path] = code
    return {"folders": folders, "sizes": sizes, "codes": codes}
