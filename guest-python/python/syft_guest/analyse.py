"""Says what a program is, from its text alone: the builder of apps never runs it outside of
a sandbox.

Prints JSON: the name of the app, what the program watches, and which files belong to it.
These are the program, the modules and packages beside it that are imported from there, with
the data of packages, and the files that whoever builds it includes by name. A program may lie
in anybody's home folder: what else it names does not go in, and is only told of.
"""

import ast
import json
import os
import re
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from syft_guest import cannot, origins, packages, receivers, variables  # noqa: E402
from syft_guest.globs import host_glob  # noqa: E402

MAX_SOURCE = 1 << 20
MAX_DATA = 1 << 20
MAX_FILES = 2_000
MAX_TOTAL = 32 << 20
MAX_STEPS = 1_000
MAX_TEXT = 4_096
MAX_NOTED = 20


class Unfit(Exception):
    """The program cannot be built."""

    def __init__(self, message, file=None, line=None):
        super().__init__(message)
        self.file = file
        self.line = line


class Files:
    """The files that belong to a program, found from one to the next."""

    def __init__(self, folder, included):
        self.folder = folder
        self.included = included
        self.found = {}
        self.left_out = set()
        self.trees = {}
        self.total = 0

    def add_included(self):
        for name in self.included:
            kind, size = self._kind(name)
            if kind != "file":
                raise Unfit(f"{name} is no file beside the program")
            if name not in self.found:
                self._take(name, size)

    def add_program(self, name):
        kind, size = self._kind(name)
        if kind != "file":
            raise Unfit(f"{name} is no file")
        self._add_source(name, size)

    def text(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read(MAX_SOURCE)

    def has_module(self, name):
        """Returns whether a module is the program's own."""
        return f"{name}.py" in self.found or f"{name}/__init__.py" in self.found

    def _kind(self, name):
        """Returns what a name below the folder is, without following links."""
        path = self.folder
        try:
            for part in name.split("/"):
                if part in ("", ".", ".."):
                    return None, 0
                path = os.path.join(path, part)
                found = os.lstat(path)
                if stat.S_ISLNK(found.st_mode):
                    return "link", 0
        except (OSError, ValueError):
            return None, 0
        if stat.S_ISDIR(found.st_mode):
            return "folder", 0
        return ("file" if stat.S_ISREG(found.st_mode) else "other"), found.st_size

    def _take(self, name, size):
        self.total += size
        self.found[name] = size
        if len(self.found) > MAX_FILES or self.total > MAX_TOTAL:
            raise Unfit(
                f"the program has more than {MAX_FILES} files or {MAX_TOTAL >> 20} MiB of them"
            )

    def _add_source(self, name, size):
        if name in self.found:
            return
        if size > MAX_SOURCE:
            raise Unfit(f"{name} has more than {MAX_SOURCE >> 20} MiB")
        self._take(name, size)
        with open(os.path.join(self.folder, name), "rb") as file:
            source = file.read(MAX_SOURCE + 1)
        try:
            tree = ast.parse(source, name)
        except SyntaxError as error:
            raise Unfit(f"{type(error).__name__}: {error.msg}", name, error.lineno) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise Unfit(f"{name} cannot be read: {error}", name) from None
        self.trees[name] = tree
        for module in sorted(set(_imported(tree))):
            self._add_module(module)
        for text in sorted(set(_texts(tree))):
            self._note_data(text)

    def _add_module(self, module):
        kind, size = self._kind(f"{module}.py")
        if kind == "file":
            self._add_source(f"{module}.py", size)
        elif kind == "link":
            raise Unfit(f"{module}.py is a link, which is not followed: put the file there")
        elif self._kind(module)[0] == "folder":
            self._add_package(module)

    def _add_package(self, package):
        # Any folder can be imported: one that is meant to be says so.
        has_data = self._kind(f"{package}/__init__.py")[0] == "file"
        for base, folders, names in os.walk(os.path.join(self.folder, package)):
            folders[:] = sorted(
                name for name in folders if name[0] != "." and name != "__pycache__"
            )
            for name in sorted(names):
                below = os.path.relpath(os.path.join(base, name), self.folder)
                below = below.replace(os.sep, "/")
                kind, size = self._kind(below)
                if kind != "file" or name[0] == "." or below in self.found:
                    continue
                if name.endswith(".py"):
                    self._add_source(below, size)
                elif has_data and size <= MAX_DATA:
                    self._take(below, size)

    def _note_data(self, text):
        """Takes note of a file that the text may mean."""
        is_name = 0 < len(text) < 200 and not text.startswith(("/", "."))
        if not is_name or "\0" in text or "\n" in text:
            return
        name = os.path.normpath(text).replace(os.sep, "/")
        if name.startswith("..") or any(part.startswith(".") for part in name.split("/")):
            return
        kind, _ = self._kind(name)
        if kind == "file" and name not in self.included and len(self.left_out) < MAX_NOTED:
            self.left_out.add(name)


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level and not node.module:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and _name(node.func) == "import_module":
            yield from (text.split(".")[0] for text in _strings(node.args[:1]))


def _texts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _name(node):
    """Returns the last name of what is called: `SyftEvents` of `syft_event.SyftEvents`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _strings(nodes):
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


class Texts:
    """The texts of expressions, as far as they are plain to see."""

    def __init__(self, trees):
        self._known = {}
        twice = set()
        for tree in trees:
            for node in ast.walk(tree):
                targets = node.targets if isinstance(node, ast.Assign) else []
                if isinstance(node, ast.AnnAssign):
                    targets = [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        if target.id in self._known:
                            twice.add(target.id)
                        self._known[target.id] = node.value
        for name in twice:
            # What it stands for depends on when one looks.
            del self._known[name]
        self._steps = 0

    def constant(self, node):
        """Returns what a name is bound to, once and for all."""
        return self._known.get(node.id, node) if isinstance(node, ast.Name) else node

    def of(self, node):
        """Returns the text of an expression, or `None`."""
        self._steps = 0
        try:
            return self._text(node)
        except (Unclear, RecursionError):
            return None

    def _text(self, node):
        # Names of names of names grow faster than anybody's patience.
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Unclear
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._bounded(node.value)
        if isinstance(node, ast.Name) and node.id in self._known:
            return self._text(self._known[node.id])
        if isinstance(node, ast.JoinedStr):
            return self._bounded("".join(self._text(part) for part in node.values))
        if isinstance(node, ast.FormattedValue):
            return self._text(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._bounded(self._text(node.left) + self._text(node.right))
        if isinstance(node, ast.Attribute) and node.attr == "email":
            # `box.client.email`
            return "{datasite}"
        raise Unclear

    def _bounded(self, text):
        if len(text) > MAX_TEXT:
            raise Unclear
        return text


class Unclear(Exception):
    """What an expression stands for is seen when the program runs."""


def _argument(call, index, *names):
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return call.args[index] if len(call.args) > index else None


def app_names(trees, texts):
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in ("SyftEvents", "FastSyftBox"):
                text = texts.of(_argument(node, 0, "app_name"))
                if text is not None:
                    yield text


def web_server(trees):
    """Returns the file and the line in which a program starts a web server, or `None`."""
    for file, tree in trees.items():
        for node in ast.walk(tree):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and _name(node.func.value) == "uvicorn" and node.func.attr in ("run", "Server"):
                return [file, node.lineno]
    return None


def watches(trees, texts):
    """Yields the globs that are plain to see, in the host's way, and `None` for others."""
    for tree in trees:
        for node in ast.walk(tree):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if not is_call or node.func.attr != "watch":
                continue
            given = texts.constant(_argument(node, 0, "glob_path"))
            for glob in given.elts if isinstance(given, (ast.List, ast.Tuple)) else [given]:
                text = texts.of(glob)
                yield None if text is None else host_glob(text)


def reads(globs):
    """Returns the patterns of a manifest under which all that is watched may be read."""
    patterns = set()
    for glob in globs:
        if glob.startswith("!"):
            continue
        for pattern in _without_braces(glob.lstrip("/")):
            pattern = re.sub(r"\[[^\]/]*\]", "?", pattern)
            patterns.add(pattern + "**" if pattern.endswith("/") else pattern)
    return sorted(patterns)


_PLACEHOLDERS = ("{datasite}", "{email}", "{app_data}")


def _without_braces(glob):
    """Returns the globs that one with `{a,b}` stands for."""
    found = re.search(r"\{([^{}]*)\}", glob)
    while found and found[0] in _PLACEHOLDERS:
        found = re.compile(r"\{([^{}]*)\}").search(glob, found.end())
    if not found or glob.count("{") > 4:
        return [glob]
    choices = [glob[: found.start()] + it + glob[found.end() :] for it in found[1].split(",")]
    return [each for choice in choices for each in _without_braces(choice)]


def _first_line(tree):
    text = ast.get_docstring(tree)
    return text.strip().splitlines()[0] if text and text.strip() else None


# What is installed with SyftEvent, by the modules that bring it.
_IMPLIED = {
    "annotated_types": "pydantic",
    "httpx": "httpx",
    "pathspec": "pathspec",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "wcmatch": "wcmatch",
    "yaml": "pyyaml",
}
# Types of pydantic that need one more package.
_EMAILS = {"EmailStr", "NameEmail"}


def implied(trees, files):
    """Yields packages that a program imports without having to name them."""
    for tree in trees:
        for module in _imported(tree):
            if module in _IMPLIED and not files.has_module(module):
                yield _IMPLIED[module]
        for node in ast.walk(tree):
            names = [alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
            if _EMAILS & {*names, _name(node)}:
                yield "email-validator"


def analyse(folder, program, included):
    files = Files(folder, included)
    files.add_program(program)
    files.add_included()
    trees = list(files.trees.values())
    texts = Texts(trees)
    globs = list(watches(trees, texts))
    sends, hidden_message = receivers.receivers(files.trees, texts)
    return {
        "name": next(app_names(trees, texts), None),
        "description": _first_line(files.trees[program]),
        "declared": packages.declared(files.text(program), folder),
        "usual": packages.usual(
            {module for tree in trees for module in _imported(tree)}, files.has_module
        ),
        "implied": sorted(set(implied(trees, files))),
        "cannot": cannot.noted(files.trees),
        "variables": variables.wanted(trees),
        "origins": origins.origins(trees, _imported),
        "sends": sends,
        "hidden_message": hidden_message,
        "reads": reads(glob for glob in globs if glob is not None),
        "n_hidden_watches": globs.count(None),
        "web_server": web_server(files.trees),
        "files": sorted(files.found),
        "left_out": sorted(files.left_out - files.found.keys()),
    }


def main():
    try:
        said = analyse(sys.argv[1], sys.argv[2], sys.argv[3:])
    except Unfit as error:
        said = {"error": {"message": str(error), "file": error.file, "line": error.line}}
    # Half a surrogate pair, which a text or a file's name can have, is no JSON to others.
    text = json.dumps(said, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
