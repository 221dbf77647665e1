"""Which environment variables a program's text wants, for a program that has no manifest: those
that it cannot do without, and those that are secrets by their names."""

import ast

MAX_VARIABLES = 16

_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS")


def wanted(trees):
    """Returns the names that are plain to see."""
    found = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and _is_environ(node.value):
                if isinstance(node.ctx, ast.Load):
                    found.update(_text(node.slice))
            elif isinstance(node, ast.Call) and _reads(node.func):
                found.update(name for name in _text(*node.args[:1]) if _is_secret(name))
    return sorted(found)[:MAX_VARIABLES]


def _is_environ(node):
    return getattr(node, "attr", getattr(node, "id", None)) == "environ"


def _reads(node):
    """Returns whether it is `os.getenv` or `os.environ.get`."""
    name = getattr(node, "attr", getattr(node, "id", None))
    return name == "getenv" or (name == "get" and _is_environ(getattr(node, "value", None)))


def _text(*nodes):
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_secret(name):
    return name.upper().endswith(_SECRET)
