"""Files of the program and of its packages, which a call can read where the build saw them.

They are there while the component is built, and nowhere later: what may still be read of them
is kept in memory. That is the data of packages and included files, and modules that nothing has
imported yet. Nobody can write to them.
"""

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import stat
import sys
import zlib
from importlib.resources.readers import FileReader

from syft_guest import host

# More is left out, of the packages first: a component has at most 64 MiB.
MAX_BYTES = 32 << 20
_LEFT_OUT = (".so", ".pyc", ".pyi", ".c", ".h", ".pyx", ".pxd")
_MODE = {True: stat.S_IFDIR | 0o555, False: stat.S_IFREG | 0o444}

_roots = ()
_program = ""
# Where the program is in a call, as far as it can tell.
_shown = ""
_codes = {}
_files = {}
_sizes = {}
_folders = {}


def keep(program, roots, is_loaded):
    """Keeps the files below the program's folder and others, but modules that are loaded."""
    global _roots, _program
    _program, _roots = program, (program, *roots)
    total = 0
    for root in _roots:
        for base, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != "__pycache__"]
            _folders[base] = sorted([*folders, *names])
            for name in names:
                path = f"{base}/{name}"
                if name.endswith(_LEFT_OUT) or is_loaded(path):
                    continue
                size = os.stat(path).st_size
                if total + size > MAX_BYTES:
                    continue
                total += size
                with open(path, "rb") as file:
                    data = file.read()
                _files[path], _sizes[path] = zlib.compress(data, 6), len(data)


def compile_program(compiled):
    """Keeps the code of the program's files, so that it is run in calls and not compiled there."""
    for path in _files:
        if path.startswith(f"{_program}/") and path.endswith(".py"):
            try:
                _codes[path] = compiled(_program, path[len(_program) + 1 :])
            except (SyntaxError, ValueError):
                # Where it is imported, it says so.
                continue


def code(path):
    """Returns the code of a file of the program, if it is kept."""
    return _codes.get(path)


def names(folder):
    """Returns the names in a folder of the program."""
    return _folders.get(folder) or os.listdir(folder)


def read(path):
    """Returns what a kept file holds, or `None`."""
    data = _files.get(path)
    return None if data is None else zlib.decompress(data)


def _kept(path):
    """Returns the path of a kept file or folder that is meant, or `None`."""
    if not (host.is_call and _roots) or isinstance(path, int):
        return None
    path = os.fspath(path)
    if not isinstance(path, str):
        return None
    whole = _of_build(os.path.normpath(path if path.startswith("/") else f"{_program}/{path}"))
    return whole if whole in _files or whole in _folders else None


def _of_build(path):
    """Returns where a file of the program was while the component was built."""
    is_own = _shown and (path == _shown or path.startswith(_shown + "/"))
    return _program + path[len(_shown) :] if is_own else path


def _or_kept(function, kept):
    """Returns a function that looks for what is really there first."""

    def found(path=".", *args, **kwargs):
        try:
            return function(path, *args, **kwargs)
        except OSError:
            whole = _kept(path)
            if whole is None:
                raise
            return kept(whole, *args, **kwargs)

    found.__name__ = function.__name__
    return found


def _open(path, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *_, **__):
    if path in _folders:
        raise IsADirectoryError(21, "Is a directory", path)
    if set(mode) & set("wax+"):
        raise PermissionError(13, "Permission denied", path)
    raw = io.BytesIO(read(path))
    if "b" in mode:
        return raw
    return io.TextIOWrapper(raw, encoding or "utf-8", errors, newline)


def _stat(path, *_, **__):
    is_folder = path in _folders
    size = 0 if is_folder else _sizes[path]
    return os.stat_result((_MODE[is_folder], 0, 0, 1, 0, 0, size, 0, 0, 0))


def _listdir(path):
    if path not in _folders:
        raise NotADirectoryError(20, "Not a directory", path)
    return list(_folders[path])


class _Entry:
    """What `scandir` gives for a kept file."""

    def __init__(self, folder, name):
        self.name = name
        self.path = f"{folder}/{name}"

    def __fspath__(self):
        return self.path

    def is_dir(self, **_):
        return self.path in _folders

    def is_file(self, **_):
        return self.path in _files

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def stat(self, **_):
        return _stat(self.path)


class _Entries(list):
    def __enter__(self):
        return iter(self)

    def __exit__(self, *_):
        return None

    close = __exit__


def _scandir(path):
    return _Entries(_Entry(path, name) for name in _listdir(path))


class _Loader(importlib.abc.SourceLoader):
    """Loads a module that was not imported while the component was built."""

    def __init__(self, path, shown):
        self.path, self.shown = path, shown

    def get_filename(self, fullname):
        return self.shown

    def get_code(self, fullname):
        return _codes.get(self.path) or super().get_code(fullname)

    def get_data(self, path):
        data = read(_of_build(path))
        if data is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return data

    def get_resource_reader(self, fullname):
        # Its paths are opened by what `install` has changed.
        return FileReader(self)


class _Finder:
    """Finds kept modules in one folder."""

    def __init__(self, shown):
        self.shown, self.folder = shown, _of_build(shown)

    def find_spec(self, fullname, target=None):
        name = fullname.rpartition(".")[2]
        folder = f"{self.shown}/{name}"
        for file, places in ((f"{name}/__init__.py", [folder]), (f"{name}.py", None)):
            path, shown = f"{self.folder}/{file}", f"{self.shown}/{file}"
            if path in _files:
                return importlib.util.spec_from_file_location(
                    fullname, shown, loader=_Loader(path, shown), submodule_search_locations=places
                )
        if f"{self.folder}/{name}" in _folders:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [folder]
            return spec
        return None

    def invalidate_caches(self):
        pass


def _hook(path):
    if host.is_call and _of_build(path) in _folders:
        return _Finder(path)
    raise ImportError(path)


def begin(shown):
    """Has modules of a call found here: the finders of the build look for real folders. Where the
    program runs in the call, it seems to lie in the folder that is given."""
    global _shown
    _shown = shown
    if _roots and (not sys.path_hooks or sys.path_hooks[0] is not _hook):
        sys.path_hooks.insert(0, _hook)
        sys.path_importer_cache.clear()


def install():
    for module in (io, builtins):
        module.open = _or_kept(module.open, _open)
    os.stat = _or_kept(os.stat, _stat)
    os.lstat = _or_kept(os.lstat, _stat)
    os.listdir = _or_kept(os.listdir, _listdir)
    os.scandir = _or_kept(os.scandir, _scandir)
