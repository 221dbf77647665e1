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
import linecache
import marshal
import os
import stat
import sys
import zlib
from importlib.resources.readers import FileReader

from syft_guest import host

# More is left out, of the packages first: a component has at most 64 MiB.
MAX_BYTES = 32 << 20
_LEFT_OUT = (".so", ".pyc", ".pyi", ".c", ".h", ".pyx", ".pxd")
_NO_FOLDERS = ("__pycache__",)
_MODE = {True: stat.S_IFDIR | 0o555, False: stat.S_IFREG | 0o444}

_roots = ()
_program = ""
# Where the program is in a call, as far as it can tell.
_shown = ""
# The files of the build are there no more, whether or not a call is handled.
_are_gone = False
# Codes of files, as such or as bytes.
_codes = {}
# What files hold, compressed; or where the host shows them.
_files = {}
_sizes = {}
_folders = {}


def keep(program, roots, is_loaded):
    """Keeps the files below the program's folder and others, but modules that are loaded."""
    global _roots, _program
    _program, _roots = program, (program, *roots)
    total = 0
    for root in _roots:
        for base, names, files in _walk(root):
            _folders[base] = names
            for name in files:
                path = f"{base}/{name}"
                if is_loaded(path):
                    continue
                size = os.stat(path).st_size
                if total + size > MAX_BYTES:
                    continue
                total += size
                with open(path, "rb") as file:
                    data = file.read()
                _files[path], _sizes[path] = zlib.compress(data, 6), len(data)


def _walk(root):
    """Yields each folder with the names in it, and the names of those files that are kept."""
    for base, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _NO_FOLDERS]
        kept = [name for name in names if not name.endswith(_LEFT_OUT)]
        yield base, sorted([*folders, *names]), kept


def listed(root):
    """Returns what there is below a folder of the host, as `mount` takes it."""
    folders, sizes = {}, {}
    for base, names, files in _walk(root):
        below = base[len(root) :]
        folders[below] = names
        for name in files:
            sizes[f"{below}/{name}"] = os.stat(f"{base}/{name}").st_size
    return folders, sizes


def mount(program, shown, folders, sizes):
    """Keeps the files of a program that the host shows in a folder, which are read when they are
    asked for."""
    global _program
    _program = program
    for below, names in folders.items():
        _folders[program + below] = names
    for below, size in sizes.items():
        path = program + below
        _files[path], _sizes[path] = shown + below, size
        if below.endswith(".py"):
            name = below[1:]
            linecache.cache[name] = _Lines(path, name)


class _Lines:
    """An entry of `linecache`, read when a traceback shows a line of it."""

    def __init__(self, path, name):
        self.path, self.name = path, name

    def __len__(self):
        return 4

    def __iter__(self):
        try:
            lines = importlib.util.decode_source(read(self.path)).splitlines(True)
        except (OSError, SyntaxError, UnicodeDecodeError):
            lines = []
        return iter((_sizes[self.path], None, lines, self.name))

    def __getitem__(self, index):
        return tuple(self)[index]


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
    """Returns the code of a file, if it is kept."""
    found = _codes.get(path)
    return marshal.loads(found) if isinstance(found, bytes) else found


def codes():
    """Returns the codes of files, as bytes."""
    return {path: marshal.dumps(code(path)) for path in _codes}


def take_codes(codes):
    _codes.update(codes)


def names(folder):
    """Returns the names in a folder of the program."""
    return _folders.get(folder) or os.listdir(folder)


def read(path):
    """Returns what a kept file holds, or `None`."""
    data = _files.get(path)
    if isinstance(data, str):
        with io.FileIO(data) as file:
            return file.readall()
    return None if data is None else zlib.decompress(data)


def _kept(path):
    """Returns the path of a kept file or folder that is meant, or `None`."""
    if not (_is_active() and _roots) or isinstance(path, int):
        return None
    path = os.fspath(path)
    if not isinstance(path, str):
        return None
    whole = _of_build(os.path.normpath(path if path.startswith("/") else f"{_program}/{path}"))
    return whole if whole in _files or whole in _folders else None


def _is_active():
    return host.is_call or _are_gone


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


def _opening(function):
    """As `_or_kept`, but who writes into a kept file gets a copy in the app's own folder."""
    found = _or_kept(function, _open)

    def opening(file, mode="r", *args, **kwargs):
        if host.is_call and isinstance(mode, str) and set(mode) & set("a+") and "w" not in mode:
            make_real(file)
        return found(file, mode, *args, **kwargs)

    opening.__name__ = "open"
    return opening


def make_real(path):
    """Copies a kept file to where it is meant to be, if nothing is there yet."""
    whole = _kept(path)
    if whole not in _files:
        return
    try:
        _real_stat(path)
    except OSError:
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with io.FileIO(path, "w") as file:
                file.write(read(whole))
        except OSError:
            # It is none that can be written: who opens it is told so.
            return


_real_stat = os.stat


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


class _Entry:
    """What `scandir` gives for a kept file."""

    def __init__(self, folder, name):
        self.name = name
        self.path = os.path.join(folder, name)

    def __fspath__(self):
        return self.path

    def is_dir(self, **_):
        return _kept(self.path) in _folders

    def is_file(self, **_):
        return _kept(self.path) in _files

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def stat(self, **_):
        return os.stat(self.path)


class _Entries(list):
    def __enter__(self):
        return iter(self)

    def __exit__(self, *_):
        return None

    close = __exit__


def _listing_both(listdir):
    """Lists what is really in a folder, then what is kept of it."""

    def both(path="."):
        whole = _kept(path)
        if whole not in _folders:
            return listdir(path)
        try:
            names = listdir(path)
        except OSError:
            names = []
        return names + [name for name in _folders[whole] if name not in names]

    return both


def _scanning_both(scandir):
    """As `_listing_both`."""

    def both(path="."):
        whole = _kept(path)
        if whole not in _folders:
            return scandir(path)
        try:
            with scandir(path) as entries:
                found = list(entries)
        except OSError:
            found = []
        names = {entry.name for entry in found}
        shown = os.fspath(path)
        kept = [_Entry(shown, name) for name in _folders[whole] if name not in names]
        return _Entries([*found, *kept])

    return both


class _Loader(importlib.abc.SourceLoader):
    """Loads a module that was not imported while the component was built."""

    def __init__(self, path, shown):
        self.path, self.shown = path, shown

    def get_filename(self, fullname):
        return self.shown

    def get_code(self, fullname):
        kept = code(self.path)
        if kept is None:
            kept = _codes[self.path] = super().get_code(fullname)
        return kept

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
    if _is_active() and _of_build(path) in _folders:
        return _Finder(path)
    raise ImportError(path)


def begin(shown):
    """Has modules of a call found here: the finders of the build look for real folders. Where the
    program runs in the call, it seems to lie in the folder that is given."""
    global _shown, _are_gone
    _shown, _are_gone = shown, True
    look_here()


def look_here():
    """Has modules be looked for here, too, once the files of the build are gone. What the finders
    before have found out is much to forget, so that is no work for a call."""
    if _roots and (not sys.path_hooks or sys.path_hooks[0] is not _hook):
        sys.path_hooks.insert(0, _hook)
        sys.path_importer_cache.clear()


def install():
    for module in (io, builtins):
        module.open = _opening(module.open)
    os.stat = _or_kept(os.stat, _stat)
    os.lstat = _or_kept(os.lstat, _stat)
    os.listdir = _listing_both(os.listdir)
    os.scandir = _scanning_both(os.scandir)
