"""`box.state`: a dict that the host keeps from one call to the next.

What the program puts into it at its start is what a store begins with
that has nothing under that key; it never resets what a call wrote.

Values are kept as JSON where JSON gives back the same, otherwise as a pickle, which
begins with a byte that JSON cannot begin with. A key of the beginning that was deleted is
kept as an empty value.
"""

import base64
import json
import pickle
from collections.abc import MutableMapping

from syft_guest import host

_DELETED = b""
_ODD_KEY = "py:"
# Where what is kept of the program's memory lies.
MEMORY_KEY = "py:memory"
# What begins so is ours, and no part of `box.state`: memory, messages, and futures that are kept.
OWN_KEYS = (MEMORY_KEY, "py:sent:", "py:future:", "py:bulk:")
# The store was not asked.
_UNREAD = object()
# A lock or a connection of the snapshot: each call has it as it was.
_FIXED = object()


class State(MutableMapping):
    def __init__(self):
        self._initial = {}
        # Each value that the call met, and the bytes that stand for it unchanged:
        # `MISSING` where the store holds nothing.
        self._values = {}
        self._stored = {}
        self._bucket = None
        self._is_whole = False

    def __getitem__(self, key):
        if not host.is_handling:
            return self._initial[key]
        hash(key)
        if key not in self._values:
            self._load(key)
        value = self._values[key]
        if value is host.MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        if not host.is_handling:
            self._initial[key] = value
            return
        if key not in self._values:
            # Unread it stays unknown, so that a blind write conflicts with nobody.
            self._stored[key] = _UNREAD
        self._values[key] = value

    def __delitem__(self, key):
        if not host.is_handling:
            del self._initial[key]
            return
        self[key]
        self._values[key] = host.MISSING

    def __iter__(self):
        if not host.is_handling:
            return iter(self._initial)
        self._load_all()
        return iter([key for key, value in self._values.items() if value is not host.MISSING])

    def __len__(self):
        return sum(1 for _ in self)

    def __contains__(self, key):
        try:
            self[key]
        except KeyError:
            return False
        return True

    def clear(self):
        for key in list(self):
            del self[key]

    def copy(self):
        return dict(self)

    def __repr__(self):
        return repr(dict(self))

    def __or__(self, other):
        return dict(self) | dict(other)

    def __ror__(self, other):
        return dict(other) | dict(self)

    def __ior__(self, other):
        self.update(other)
        return self

    def __deepcopy__(self, memo):
        import copy

        return copy.deepcopy(dict(self), memo)

    def _load(self, key):
        self._meet(key, self._open().get(encode_key(key)))

    def _meet(self, key, stored):
        """Notes what the store holds under a key."""
        if stored is None:
            value = self._initial.get(key, host.MISSING)
            # What was there from the beginning need not be written until it changes.
            stored = _encode_initial(value)
        elif stored == _DELETED:
            value = host.MISSING
        else:
            value = decode(stored)
            if _is_pickle(stored):
                # Equal values have more than one pickle.
                stored = encode(value)
        self._values[key] = value
        self._stored[key] = stored

    def _load_all(self):
        if self._is_whole:
            return
        found = {
            decode_key(name): value
            for name, value in self._open().items()
            if not name.startswith(OWN_KEYS)
        }
        met = self._values
        self._values = {}
        # In the order of a dict: what was there from the beginning, then the rest.
        for key in [*self._initial, *found, *met]:
            if key in self._values:
                continue
            if key in met:
                self._values[key] = met[key]
            else:
                self._meet(key, found.get(key))
        self._is_whole = True

    def _open(self):
        if self._bucket is None:
            self._bucket = host.Bucket()
        return self._bucket

    def flush(self):
        """Writes what the call changed, also deep inside a value."""
        for key, value in self._values.items():
            stored = self._stored[key]
            if value is host.MISSING:
                self._write_deleted(key, stored)
            elif stored is not _FIXED or value is not self._initial.get(key):
                self._write(key, value, stored)

    def _write(self, key, value, stored):
        try:
            encoded = encode(value)
        except Exception as error:
            raise TypeError(f"state[{key!r}] cannot be kept: {error}") from error
        if encoded != stored:
            self._open().set(encode_key(key), encoded)

    def _write_deleted(self, key, stored):
        if stored is host.MISSING or stored == _DELETED:
            return
        if key in self._initial:
            self._open().set(encode_key(key), _DELETED)
        else:
            self._open().delete(encode_key(key))

    def forget(self):
        """Has what the call met read anew."""
        self._values, self._stored, self._is_whole = {}, {}, False

    def replace(self, values):
        """Stands for `box.state = values`."""
        if values is self:
            return
        values = dict(values)
        self.clear()
        self.update(values)


def _encode_initial(value):
    if value is host.MISSING:
        return host.MISSING
    try:
        return encode(value)
    except Exception:
        return _FIXED


def encode(value):
    if _is_json(value, 0):
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        except ValueError:
            # Half a character, or a number of thousands of digits.
            pass
    return pickle.dumps(value, protocol=5)


def decode(stored):
    return pickle.loads(stored) if _is_pickle(stored) else json.loads(stored)


def _is_pickle(stored):
    return stored[:1] == b"\x80"


def _is_json(value, depth):
    """Returns whether JSON gives back the same value of the same type."""
    kind = type(value)
    if kind in (str, int, bool) or value is None:
        return True
    if kind is float:
        return value - value == 0
    if depth > 100:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in value)
    if kind is dict:
        return all(
            type(key) is str and _is_json(item, depth + 1) for key, item in value.items()
        )
    return False


def encode_key(key):
    if type(key) is str and key and not key.startswith(_ODD_KEY) and _is_text(key):
        return key
    return _ODD_KEY + base64.urlsafe_b64encode(pickle.dumps(key, protocol=5)).decode()


def _is_text(key):
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_key(name):
    if not name.startswith(_ODD_KEY):
        return name
    return pickle.loads(base64.urlsafe_b64decode(name.removeprefix(_ODD_KEY)))


_default = json.JSONEncoder.default


def _json_default(self, value):
    return dict(value) if isinstance(value, State) else _default(self, value)


def install():
    """Lets `json.dumps(box.state)` work as it does with a dict."""
    json.JSONEncoder.default = _json_default
