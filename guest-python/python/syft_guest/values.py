"""JSON values as the types that handlers ask for."""

import dataclasses
import datetime
import decimal
import enum
import pathlib
import types
import typing
import uuid
from collections import abc

MISSING = object()


class Misfit(ValueError):
    """A request does not give what a handler asks for."""


class Unknown(TypeError):
    """No JSON value can be made a value of this type."""


def reader(hint):
    """Returns a function `(value, name) -> value of that type`, which raises `Misfit`."""
    return _Readers().reader(hint)


def bare(hint):
    """Returns a type without what says nothing of its values."""
    while True:
        if typing.get_origin(hint) in (typing.Annotated, typing.Final, typing.ClassVar):
            hint = typing.get_args(hint)[0]
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif isinstance(hint, getattr(typing, "TypeAliasType", ())):
            hint = hint.__value__
        elif typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            hint = typing.get_args(hint)[0]
        else:
            return hint


def is_union(hint):
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def is_optional(hint):
    hint = bare(hint)
    return is_union(hint) and type(None) in typing.get_args(hint)


def is_dataclass(hint):
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def json_type(value):
    return "null" if value is None else type(value).__name__


def shown(hint):
    """Returns how a message names a type."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")


def misfit(hint, value, name):
    return Misfit(f"parameter `{name}`: expected {shown(hint)}, got {json_type(value)}")


_LISTS = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    abc.Set: set,
    abc.MutableSet: set,
}
_DICTS = (dict, abc.Mapping, abc.MutableMapping)


class _Readers:
    def __init__(self, dataclasses_=None, float_=None):
        # A dataclass may hold itself.
        self._dataclasses = {} if dataclasses_ is None else dataclasses_
        self._float = float_ or _float

    def reader(self, hint):
        from syft_guest import models

        if models.is_needed(hint):
            return models.reader(hint)
        hint = bare(hint)
        origin = typing.get_origin(hint) or hint
        if origin in (typing.Any, object) or isinstance(origin, typing.TypeVar):
            return lambda value, name: value
        if origin in (None, type(None)):
            return _plain(type(None), hint)
        if is_union(hint):
            return self._union(hint)
        if origin is typing.Literal:
            return _literal(hint)
        if origin is tuple and typing.get_args(hint):
            return self._tuple(hint)
        if origin in _LISTS:
            return self._list(hint, _LISTS[origin])
        if origin in _DICTS:
            return self._dict(hint)
        if typing.is_typeddict(origin):
            return self._typed_dict(origin)
        if is_dataclass(origin):
            return self._dataclass(origin)
        if origin is float:
            return self._float
        if origin in _SIMPLE:
            return _SIMPLE[origin]
        if isinstance(origin, type) and issubclass(origin, enum.Enum):
            return _enum(origin)
        raise Unknown(f"Unknown type {hint}")

    def _union(self, hint):
        members = typing.get_args(hint)
        kinds = [(_natural(member), self.reader(member)) for member in members]

        def read(value, name):
            # `Union[float, int]` gives an int where an int came.
            natural = [read for kind, read in kinds if kind is type(value)]
            others = [read for kind, read in kinds if kind is not type(value)]
            for attempt in natural + others:
                try:
                    return attempt(value, name)
                except (Misfit, TypeError, ValueError):
                    continue
            raise misfit(hint, value, name)

        return read

    def _list(self, hint, make):
        args = typing.get_args(hint)
        item = self.reader(args[0]) if args else None

        def read(value, name):
            if type(value) is not list:
                raise misfit(hint, value, name)
            if item is None:
                return make(value)
            return make([item(each, f"{name}[{at}]") for at, each in enumerate(value)])

        return read

    def _tuple(self, hint):
        args = typing.get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return self._list(list[args[0]], tuple)
        items = [self.reader(arg) for arg in args if arg != ()]

        def read(value, name):
            if type(value) is not list or len(value) != len(items):
                raise misfit(hint, value, name)
            return tuple(item(each, name) for item, each in zip(items, value))

        return read

    def _dict(self, hint):
        args = typing.get_args(hint)
        key, item = (self._key(args[0]), self.reader(args[1])) if args else (None, None)

        def read(value, name):
            if type(value) is not dict:
                raise misfit(hint, value, name)
            if item is None:
                return value
            return {key(k, name): item(v, f"{name}.{k}") for k, v in value.items()}

        return read

    def _key(self, hint):
        read, number = self.reader(hint), bare(hint) in (int, float)

        def read_key(key, name):
            if number:
                try:
                    return bare(hint)(key)
                except ValueError:
                    raise misfit(hint, key, name) from None
            return read(key, name)

        return read_key

    def _typed_dict(self, hint):
        fields = {
            name: self.reader(field) for name, field in typing.get_type_hints(hint).items()
        }

        def read(value, name):
            if type(value) is not dict:
                raise misfit(hint, value, name)
            lacking = hint.__required_keys__ - value.keys()
            if lacking:
                raise Misfit(f"parameter `{name}` lacks `{min(lacking)}`")
            return {k: fields[k](v, f"{name}.{k}") if k in fields else v for k, v in value.items()}

        return read

    def _dataclass(self, hint):
        if hint in self._dataclasses:
            return lambda value, name: self._dataclasses[hint](value, name)
        self._dataclasses[hint] = None
        hints = typing.get_type_hints(hint)
        fields = {field.name: self._field(hints[field.name]) for field in dataclasses.fields(hint)}

        def read(value, name):
            if type(value) is not dict:
                raise misfit(hint, value, name)
            known = {k: fields[k](v, k) if k in fields else v for k, v in value.items()}
            # What is missing or unknown, Python says best.
            return hint(**known)

        self._dataclasses[hint] = read
        return read

    def _field(self, hint):
        """What no JSON value fits is taken as it comes. An int stays one where a float is
        asked for. Both are as in the release, which takes everything as it comes."""
        readers = _Readers(self._dataclasses, _float_or_int)
        try:
            return readers.reader(hint)
        except Unknown:
            return lambda value, name: value


def _natural(hint):
    """Returns the type of the JSON values that a member of a union stands for."""
    origin = typing.get_origin(bare(hint)) or bare(hint)
    if is_dataclass(origin) or origin in _DICTS:
        return dict
    if origin in _LISTS:
        return list
    return origin


def _plain(kind, hint):
    def read(value, name):
        if type(value) is not kind:
            raise misfit(hint, value, name)
        return value

    return read


def _literal(hint):
    choices = typing.get_args(hint)

    def read(value, name):
        for choice in choices:
            if choice == value and type(choice) is type(value):
                return choice
        listed = ", ".join(repr(choice) for choice in choices)
        raise Misfit(f"parameter `{name}`: expected one of {listed}")

    return read


def _enum(hint):
    def read(value, name):
        try:
            member = hint(value)
        except (ValueError, TypeError):
            member = None
        # `True` equals 1.
        if member is not None and isinstance(member.value, bool) == isinstance(value, bool):
            return member
        if type(value) is str and value in hint.__members__:
            return hint[value]
        listed = ", ".join(repr(member.value) for member in hint)
        raise Misfit(f"parameter `{name}`: expected one of {listed}")

    return read


def _int(value, name):
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise misfit(int, value, name)


def _float(value, name):
    if type(value) in (int, float):
        return float(value)
    raise misfit(float, value, name)


def _float_or_int(value, name):
    return value if type(value) is int else _float(value, name)


def _bytes(value, name):
    if type(value) is str:
        return value.encode()
    if type(value) is list:
        try:
            return bytes(value)
        except (ValueError, TypeError):
            pass
    raise misfit(bytes, value, name)


def _parsed(kind, parse, takes=(str,)):
    def read(value, name):
        if type(value) in takes:
            try:
                return parse(value)
            except (ValueError, ArithmeticError):
                pass
        raise misfit(kind, value, name)

    return read


_SIMPLE = {
    str: _plain(str, str),
    bool: _plain(bool, bool),
    int: _int,
    complex: _parsed(complex, complex, (int, float, str)),
    bytes: _bytes,
    bytearray: lambda value, name: bytearray(_bytes(value, name)),
    datetime.datetime: _parsed(datetime.datetime, datetime.datetime.fromisoformat),
    datetime.date: _parsed(datetime.date, datetime.date.fromisoformat),
    datetime.time: _parsed(datetime.time, datetime.time.fromisoformat),
    datetime.timedelta: _parsed(
        datetime.timedelta, lambda value: datetime.timedelta(seconds=value), (int, float)
    ),
    uuid.UUID: _parsed(uuid.UUID, uuid.UUID),
    decimal.Decimal: _parsed(
        decimal.Decimal, lambda value: decimal.Decimal(str(value)), (str, int, float)
    ),
    pathlib.Path: _parsed(pathlib.Path, pathlib.Path),
}
