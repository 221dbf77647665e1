"""Environment variables: while the program is loaded those of its manifest, and in a call those
that the host gives.

A program that has read one when it was loaded goes on with what it read. So one that reads what
only a call has starts in each call, and what else is read is written down: a call can tell
whether it would read something else.
"""

import contextlib
import logging
import os

from syft_guest import start

# What the program has read while it was loaded, `None` for what was not there.
_read = {}
_has_read_all = False
# What it was given, and of that the secrets which nobody knows before a call.
_given = {}
_unknown = set()
# What stands for secrets that the host adds, for a program that is apart from its component.
stand_ins = {}
# What it has set or removed by itself, as it would in each call, and what it left there.
_own = set()
_left = {}


class _Recorded(dict):
    """What `os.environ` holds, with notes of what is read."""

    def __getitem__(self, key):
        name, value = os.fsdecode(key), self.get(key)
        if name not in _own:
            _read.setdefault(name, None if value is None else os.fsdecode(value))
            if name in _unknown:
                start.need(f"reads the secret {name}")
        return super().__getitem__(key)

    def __iter__(self):
        global _has_read_all
        _has_read_all = True
        if _unknown:
            start.need("reads all environment variables, with secrets among them")
        return super().__iter__()

    def __setitem__(self, key, value):
        _own.add(os.fsdecode(key))
        super().__setitem__(key, value)

    def __delitem__(self, key):
        _own.add(os.fsdecode(key))
        super().__delitem__(key)


def begin_build(told):
    """Gives the program its own variables and none of the builder's."""
    _given.update(told.get("variables", {}))
    for secret in told.get("secrets", ()):
        _given[secret["name"]] = secret["stand_in"]
        if secret["is_read"]:
            _unknown.add(secret["name"])
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(_given)
    _keep_in(_Recorded(os.environ._data))


def end_build():
    """The program is loaded, and holds of its variables what it holds."""
    _keep_in(dict(os.environ._data.items()))
    _left.update((name, os.environ.get(name)) for name in _own)


def read_names():
    """Returns which variables have been read."""
    return frozenset(_read)


def _keep_in(data):
    # Both names of it, for text and for bytes.
    os.environ._data = os.environb._data = data


def begin(starts_now):
    """Begins a call, in which the program may start. componentize-py has emptied `os.environ`
    after the build, and fills it in a call with what the host has."""
    if starts_now:
        return
    for name, value in _left.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    for name in changed():
        logging.getLogger("syft_event").warning(
            "%s was read when the app was built, and is another one now", name
        )


@contextlib.contextmanager
def completed():
    """Has what stands for secrets that the host adds there for a start, whether they are set yet
    or not: as when the program starts while it is built."""
    missing = {name: value for name, value in stand_ins.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name, value in missing.items():
            if os.environ.get(name) == value:
                del os.environ[name]


def changed():
    """Returns which variables the program would read otherwise in this call than it did when it
    was loaded, by name."""
    names = set(os.environ) | set(_given) if _has_read_all else set()
    names |= _read.keys()
    before = {**dict.fromkeys(names), **_given, **_read}
    return sorted(name for name in names - _own if os.environ.get(name) != before[name])


def hint(error):
    """Returns what to do about a variable that is missing, if that is what is wrong."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    is_ours = trace is not None and trace.tb_frame.f_code is type(os.environ).__getitem__.__code__
    if isinstance(error, KeyError) and is_ours:
        name = error.args[0]
        return (
            f"ask for it in a syft-app.toml beside the program: [secrets.{name}], if it is a "
            f'secret, or else [app] env = {{ {name} = "…" }}'
        )
    return None
