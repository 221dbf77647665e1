"""What is imported ahead, while the component is built: importing takes time, and native modules
can be loaded only then."""

import dis
import importlib
import importlib.util
import os
import sys
import types
import warnings

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
# Of ours, for which nobody looks in a call either.
_OURS = """
    loguru syft_core.constants syft_core.exceptions syft_event.cleanup syft_event.deps
    syft_rpc.rpc_db uvicorn.config uvicorn.logging watchdog.events
"""


def import_library():
    for module in (*_LIBRARY.split(), *_OURS.split()):
        attempt(module)


def import_native_ones(package_folders):
    """Imports native modules of packages, which only the build can load."""
    for root in package_folders:
        for base, _, names in os.walk(root):
            for name in names:
                stem, _, end = name.partition(".")
                if end.endswith("so"):
                    path = os.path.relpath(os.path.join(base, stem), root)
                    attempt(path.replace(os.sep, "."))


def import_packages(package_folders):
    """Imports all packages, where nobody knows yet which of them a program uses, and what they
    give out only when it is asked for."""
    for root in package_folders:
        for entry in sorted(os.listdir(root)):
            is_module = entry.endswith(".py") or os.path.exists(f"{root}/{entry}/__init__.py")
            name = entry.removesuffix(".py")
            if is_module and name.isidentifier():
                attempt(name)
                _ask_for_all(sys.modules.get(name))


def _ask_for_all(module):
    with warnings.catch_warnings():
        # Of names that are deprecated, which the program may not use at all.
        warnings.simplefilter("ignore")
        for name in list(getattr(module, "__all__", ())):
            try:
                getattr(module, name, None)
            except Exception:
                # Where it is needed, it says so.
                continue


def imported(code, package):
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
            yield from imported(part, package)


def _absolute(name, level, names, package):
    try:
        name = importlib.util.resolve_name("." * level + name, package)
    except ImportError:
        return
    yield name
    # They may be modules, too.
    yield from (f"{name}.{each}" for each in names if each != "*")


def attempt(name):
    try:
        importlib.import_module(name)
    except (Exception, SystemExit):
        # Where it is needed, it says so.
        pass
