"""The arguments of a handler, from the body of a request.

Where the README of SyftEvent and its release disagree, both are served:

- by name, from the body's JSON object, with types and defaults: the README;
- whole, to the one parameter that there is: the release. A `dict`, a dataclass or a model takes the
  object, unless that is nothing but `{"<its name>": {…}}`; a `str` without a default takes as text
  whatever has not its name; other types take what is no object.
- whole, to each of several parameters that the release would fill (`str`, `dict`, dataclass,
  model, each once and without a default), where no name of theirs occurs.
"""

import inspect
import json
import typing

from syft_guest import depth, models
from syft_guest.values import (
    MISSING,
    Misfit,
    Unknown,
    bare,
    is_dataclass,
    is_optional,
    is_union,
    reader,
)

_RELEASED = (str, dict)


class Parameter:
    def __init__(self, name, hint, default, is_positional):
        self.name = name
        self.hint = hint
        self.default = default
        self.is_positional = is_positional
        self.is_annotated = hint is not inspect.Parameter.empty
        self.type = bare(hint) if self.is_annotated else typing.Any
        self.is_optional = is_optional(hint)
        try:
            self._read = reader(hint if self.is_annotated else typing.Any)
        except Unknown as error:
            self._read = self._refuse(str(error))

    def _refuse(self, reason):
        def read(value, name):
            raise Misfit(f"{reason} for parameter {name}")

        return read

    def read(self, value, name):
        if value is None and self.default is None:
            # `name: str = None` says that it may be absent, in the older way.
            return None
        return self._read(value, name)

    @property
    def has_default(self):
        return self.default is not MISSING

    @property
    def is_released(self):
        """Whether the release knows what to give for it."""
        return self.type in _RELEASED or is_dataclass(self.type) or models.is_model(self.type)

    def absent(self):
        """Returns what it is where the request does not name it."""
        if self.has_default:
            return self.default
        if self.is_optional:
            return None
        raise Misfit(f"parameter `{self.name}` is missing")


class Arguments:
    """The parameters of a handler."""

    def __init__(self, function, request_type, app_type):
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
        hints.pop("return", None)
        self.bodies = []
        self._given = []
        self._rest = None
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                self._rest = name
                continue
            hint = hints.get(name, parameter.annotation)
            default = MISSING if parameter.default is parameter.empty else parameter.default
            is_positional = parameter.kind is parameter.POSITIONAL_ONLY
            if bare(hint) in (request_type, app_type):
                self._given.append((name, bare(hint), is_positional))
            else:
                self.bodies.append(Parameter(name, hint, default, is_positional))
        self._request_type = request_type

    def bind(self, request, app):
        """Returns the arguments for a request, in their places and by name."""
        values, rest = self._values(request)
        args, kwargs = [], rest
        for name, kind, is_positional in self._given:
            value = request if kind is self._request_type else app
            if is_positional:
                args.append(value)
            else:
                kwargs[name] = value
        for parameter, value in zip(self.bodies, values):
            if parameter.is_positional:
                args.append(value)
            else:
                kwargs[parameter.name] = value
        return args, kwargs

    def _values(self, request):
        body = request.body
        if not self.bodies:
            return [], self._others(_object(body) if self._rest and body else None)
        if len(self.bodies) == 1 and self._rest is None:
            return [_sole(self.bodies[0], request)], {}
        values = _object(body) if body else {}
        if self._takes_whole(values):
            return [_sole(parameter, request) for parameter in self.bodies], {}
        if not body:
            return [_from_name(parameter, {}, request) for parameter in self.bodies], {}
        if values is None:
            depth.check(body)
            names = ", ".join(f"`{parameter.name}`" for parameter in self.bodies)
            raise Misfit(f"the body must be a JSON object with {names}")
        named = [_from_name(parameter, values, request) for parameter in self.bodies]
        return named, self._others(values)

    def _takes_whole(self, values):
        if not all(it.is_released and not it.has_default for it in self.bodies):
            return False
        kinds = {"dataclass" if is_dataclass(it.type) else it.type for it in self.bodies}
        if len(kinds) != len(self.bodies):
            return False
        return values is None or not any(it.name in values for it in self.bodies)

    def _others(self, values):
        if self._rest is None or values is None:
            return {}
        taken = {it.name for it in self.bodies} | {name for name, *_ in self._given}
        return {name: value for name, value in values.items() if name not in taken}


def _annotated(function):
    """Returns where the annotations of a callable are."""
    if inspect.isroutine(function) or isinstance(function, type):
        return function
    if hasattr(function, "func"):
        return _annotated(function.func)
    return type(function).__call__


def _object(body):
    """Returns the JSON object that a body is."""
    if depth.is_too_deep(body):
        return None
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return value if type(value) is dict else None


def _is_the_request(parameter):
    # The release's own example takes its request so.
    return not parameter.is_annotated and parameter.name in ("request", "req")


def _from_name(parameter, values, request):
    if parameter.name in values:
        return parameter.read(values[parameter.name], parameter.name)
    if _is_the_request(parameter):
        return request
    return parameter.absent()


def _make(parameter, value):
    if is_dataclass(parameter.type) and type(value) is not dict:
        # Python's own words for it, as in the release.
        return parameter.type(**value)
    return parameter.read(value, parameter.name)


def _sole(parameter, request):
    body = request.body
    if models.is_model(parameter.type):
        if not body and parameter.has_default:
            return parameter.default
        return models.whole(parameter, body)
    if not body:
        return _sole_absent(parameter, request, body)
    if parameter.type in (str, bytes):
        return _sole_text(parameter, body)
    depth.check(body)
    if parameter.type is dict or is_dataclass(parameter.type):
        return _sole_object(parameter, json.loads(body.decode()))
    return _sole_value(parameter, request)


def _sole_absent(parameter, request, body):
    if parameter.has_default or parameter.is_optional:
        return parameter.absent()
    if _is_the_request(parameter):
        return request
    if parameter.type is str:
        return ""
    if parameter.type is bytes:
        return b""
    if parameter.type is dict:
        return None
    if is_dataclass(parameter.type):
        json.loads("")
    return parameter.absent()


def _sole_text(parameter, body):
    values = _object(body)
    if values is not None and parameter.name in values:
        return parameter.read(values[parameter.name], parameter.name)
    if values is not None and parameter.has_default:
        return parameter.default
    return body.decode() if parameter.type is str else body


def _sole_object(parameter, value):
    name = parameter.name
    is_named = (
        type(value) is dict
        and len(value) == 1
        and type(value.get(name)) is dict
        and name not in getattr(parameter.type, "__dataclass_fields__", ())
    )
    if is_named:
        return parameter.read(value[name], name)
    return value if parameter.type is dict else _make(parameter, value)


def _sole_value(parameter, request):
    try:
        value = json.loads(request.body.decode())
    except ValueError as error:
        if _is_the_request(parameter):
            return request
        if _takes_text(parameter):
            return request.body.decode()
        raise Misfit(str(error)) from None
    if type(value) is not dict:
        if _is_the_request(parameter):
            return request
        try:
            return parameter.read(value, parameter.name)
        except Misfit:
            if _takes_text(parameter):
                return request.body.decode()
            raise
    if parameter.name in value:
        return parameter.read(value[parameter.name], parameter.name)
    if _is_the_request(parameter):
        return request
    if parameter.has_default or not _takes_objects(parameter):
        return parameter.absent()
    try:
        return parameter.read(value, parameter.name)
    except Misfit:
        return parameter.absent()


def _takes_text(parameter):
    members = typing.get_args(parameter.type) if is_union(parameter.type) else [parameter.type]
    return typing.Any in members or object in members or str in members


def _takes_objects(parameter):
    """Whether it may mean the object itself, though the object has not its name."""
    return parameter.is_annotated and parameter.type not in (int, float, bool, list)
