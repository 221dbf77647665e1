"""How deep JSON may be nested.

Python's parser goes down with each level, and the stack of a component ends at about a thousand
of them: past that nothing can be caught any more.
"""

import re

from syft_guest.values import Misfit

MOST = 500

_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))

_RUNS = re.compile(rb"[\[{]+|[\]}]+")
_EMPTY = re.compile(rb"\[\]|\{\}")

# What is nested less is gone after so many rounds, whatever else there is of it.
_ROUNDS = 16


def check(body):
    """Raises `Misfit` where a body is nested deeper than can be read."""
    if is_too_deep(body):
        raise Misfit(f"the body is nested deeper than {MOST}")


def is_too_deep(body):
    if body.count(b"[") + body.count(b"{") <= MOST:
        return False
    brackets = _brackets(body)
    depth = 0
    while depth < _ROUNDS and len(brackets) > MOST:
        # What holds nothing more is one level, wherever it stands.
        brackets = _EMPTY.sub(b"", brackets)
        depth += 1
    for run in _RUNS.finditer(brackets):
        length = run.end() - run.start()
        depth += length if run[0][0] in b"[{" else -length
        if depth > MOST:
            return True
    return False


def _brackets(body):
    """Returns the brackets that stand outside of texts."""
    # What is left of a backslash then stands for nothing here.
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    parts = without_escapes.translate(None, _NO_STRUCTURE).split(b'"')
    return b"".join(parts[::2])
