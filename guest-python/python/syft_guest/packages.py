"""Which packages a program needs that has no `requirements.txt`: what it says of itself in its
own comment (PEP 723) or in a `pyproject.toml` beside it, or else what it imports."""

import os
import stat
import sys

try:
    import tomllib
except ImportError:
    # Before Python 3.11; it comes with pip.
    from pip._vendor import tomli as tomllib

MAX_BYTES = 64 << 10
MAX_LINES = 200

# Packages that many programs use, by the modules that bring them. Others are to be named: a
# module's name says nothing of who wrote the package of that name.
_USUAL = {
    "anthropic": "anthropic",
    "bs4": "beautifulsoup4",
    "cachetools": "cachetools",
    "click": "click",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fastapi": "fastapi",
    "fastsyftbox": "fastsyftbox",
    "flask": "flask",
    "httpx": "httpx",
    "jinja2": "jinja2",
    "ollama": "ollama",
    "openai": "openai",
    "pytz": "pytz",
    "requests": "requests",
    "rich": "rich",
    "sqlalchemy": "sqlalchemy",
    "starlette": "starlette",
    "tabulate": "tabulate",
    "tenacity": "tenacity",
    "tinydb": "tinydb",
    "tqdm": "tqdm",
    "typer": "typer",
}


def declared(source, folder):
    """Returns the requirements of a program's text, or else of the project that it belongs to."""
    script = _table(_script_block(source))
    if script is not None:
        return _lines(script.get("dependencies"))
    project = _table(_read(os.path.join(folder, "pyproject.toml"))) or {}
    project = project.get("project")
    return _lines(project.get("dependencies")) if isinstance(project, dict) else []


def usual(modules, is_own):
    """Returns the packages of modules that a program imports."""
    return sorted({_USUAL[name] for name in modules if name in _USUAL and not is_own(name)})


def _script_block(source):
    lines = iter(source.decode("utf-8", "replace").splitlines())
    if not any(line.rstrip() == "# /// script" for line in lines):
        return None
    block = []
    for line in lines:
        if line.rstrip() == "# ///":
            return "\n".join(block)
        if not line.startswith("#"):
            return None
        block.append(line[1:].removeprefix(" "))
    return None


def _read(path):
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read(MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None


def _table(text):
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        print(f"not read for packages: {error}", file=sys.stderr)
        return None


def _lines(found):
    if not isinstance(found, list):
        return []
    # A line break would begin another requirement.
    return [line for line in found[:MAX_LINES] if isinstance(line, str) and "\n" not in line]
