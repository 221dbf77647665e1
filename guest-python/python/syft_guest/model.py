"""A small stand-in for the pydantic models that SyftEvent's own types are: it reads, writes and
refuses what they do."""

import base64
import copy
import json

from syft_guest import models
from syft_guest.fields import Misread

_SHOWN = 50


class ValidationError(ValueError):
    """Values are not those that a model takes. Where a program uses pydantic it is pydantic's."""

    def __init__(self, title, wrong):
        self.title, self._wrong = title, wrong
        super().__init__(title)

    def error_count(self):
        return len(self._wrong)

    def errors(self, **_):
        return [
            {"type": it.kind, "loc": it.place, "msg": it.message, "input": it.input}
            for it in self._wrong
        ]

    def json(self, *, indent=2, **_):
        return json.dumps(self.errors(), indent=indent, default=repr)

    def __str__(self):
        many = "s" if len(self._wrong) != 1 else ""
        lines = [f"{len(self._wrong)} validation error{many} for {self.title}"]
        for it in self._wrong:
            lines += [".".join(map(str, it.place))] if it.place else []
            value, kind = _shortened(repr(it.input)), type(it.input).__name__
            lines.append(f"  {it.message} [type={it.kind}, input_value={value}, input_type={kind}]")
        return "\n".join(lines)

    __repr__ = __str__


def _shortened(text):
    return text if len(text) <= _SHOWN else f"{text[:25]}...{text[-24:]}"


def _refusal(title, wrong):
    """Returns the error: that of pydantic, if the program can know it."""
    pydantic = models.library()
    if pydantic is None:
        return ValidationError(title, wrong)
    lines = [
        {"type": it.kind, "loc": it.place, "input": it.input, "ctx": it.context} for it in wrong
    ]
    return pydantic.ValidationError.from_exception_data(title, lines)


class Model:
    """Fields by name, compared and shown by them."""

    __slots__ = ("__dict__", "_given")

    model_fields = {}
    model_config = {}
    model_extra = None
    model_computed_fields = {}
    # How bytes are written as text.
    _encoding = "utf8"

    def __init__(self, /, **values):
        self._fill(values)

    def _fill(self, values):
        found, wrong = {}, []
        for name, field in self.model_fields.items():
            if name not in values:
                if field.is_required():
                    wrong.append(Misread("missing", values, (name,)))
                else:
                    found[name] = field.get_default()
                continue
            try:
                found[name] = field.read(values[name], self._encoding)
            except Misread as error:
                wrong.append(error.below(name))
            except ExceptionGroup as errors:
                wrong += [error.below(name) for error in errors.exceptions]
        if wrong:
            raise _refusal(type(self).__name__, wrong)
        self.__dict__.update(found)
        self._given = {name for name in found if name in values}
        self.model_post_init(None)

    def model_post_init(self, context, /):
        pass

    @property
    def model_fields_set(self):
        return self._given

    @classmethod
    def model_validate(cls, obj, **_):
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, dict):
            wrong = Misread("model_type", obj, class_name=cls.__name__)
            raise _refusal(cls.__name__, [wrong])
        made = cls.__new__(cls)
        made._fill(obj)
        return made

    @classmethod
    def model_validate_json(cls, json_data, **_):
        if not isinstance(json_data, (str, bytes, bytearray)):
            raise _refusal(cls.__name__, [Misread("json_type", json_data)])
        try:
            value = json.loads(json_data)
        except ValueError as error:
            wrong = Misread("json_invalid", json_data, error=str(error))
            raise _refusal(cls.__name__, [wrong]) from None
        return cls.model_validate(value)

    @classmethod
    def model_construct(cls, _fields_set=None, **values):
        made = cls.__new__(cls)
        made._given = set() if _fields_set is None else set(_fields_set)
        for name, field in cls.model_fields.items():
            if name in values:
                made.__dict__[name] = values[name]
                if _fields_set is None:
                    made._given.add(name)
            elif not field.is_required():
                made.__dict__[name] = field.get_default()
        return made

    @classmethod
    def model_json_schema(cls, **_):
        properties, required = {}, []
        for name, field in cls.model_fields.items():
            schema = {"title": name.replace("_", " ").title(), **field.schema}
            properties[name] = dict(sorted(schema.items()))
            if field.is_required():
                required.append(name)
        schema = {"properties": properties, "required": required} if required else {
            "properties": properties
        }
        return {**schema, "title": cls.__name__, "type": "object"}

    @classmethod
    def model_rebuild(cls, **_):
        return None

    def model_dump(
        self,
        *,
        mode="python",
        include=None,
        exclude=None,
        exclude_unset=False,
        exclude_defaults=False,
        exclude_none=False,
        **_,
    ):
        if mode == "json":
            return json.loads(
                self.model_dump_json(
                    include=include,
                    exclude=exclude,
                    exclude_unset=exclude_unset,
                    exclude_defaults=exclude_defaults,
                    exclude_none=exclude_none,
                )
            )
        found = {}
        for name, value in self.__dict__.items():
            field = self.model_fields.get(name)
            if exclude_unset and name not in self._given:
                continue
            if exclude_none and value is None:
                continue
            if exclude_defaults and field and not field.is_required():
                if value == field.get_default():
                    continue
            found[name] = _plain(self._written(name, value), exclude_none)
        return _picked(found, include, exclude)

    def _written(self, name, value):
        """Returns a field as it is handed out."""
        return value

    def model_dump_json(self, *, indent=None, **options):
        from syft_guest.body import compact

        found = self.model_dump(**options)
        if self._encoding == "base64":
            found = {name: _based(value) for name, value in found.items()}
        written = compact(found)
        if indent is None:
            return written
        return json.dumps(json.loads(written), indent=indent, ensure_ascii=False)

    def model_copy(self, *, update=None, deep=False):
        other = copy.deepcopy(self) if deep else copy.copy(self)
        other._given = self._given | set(update or {})
        other.__dict__.update(update or {})
        return other

    def __setattr__(self, name, value):
        if name in self.model_fields:
            self._given.add(name)
        elif not name.startswith("_"):
            raise ValueError(f'"{type(self).__name__}" object has no field "{name}"')
        object.__setattr__(self, name, value)

    def __iter__(self):
        return iter(list(self.__dict__.items()))

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__ = None

    def __copy__(self):
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._given = set(self._given)
        return other

    def _shown(self, separator):
        return separator.join(f"{name}={value!r}" for name, value in self.__dict__.items())

    def __repr__(self):
        return f"{type(self).__name__}({self._shown(', ')})"

    def __str__(self):
        return self._shown(" ")

    # As they were called before pydantic 2.

    parse_obj = model_validate
    parse_raw = model_validate_json
    construct = model_construct
    schema = model_json_schema
    copy = model_copy
    json = model_dump_json
    dict = model_dump


def _plain(value, exclude_none):
    """Returns a value with the models in it taken apart."""
    if isinstance(value, Model):
        return value.model_dump(exclude_none=exclude_none)
    if models.is_model_value(value):
        return value.model_dump(exclude_none=exclude_none)
    if type(value) in (dict, list, tuple) and value:
        if type(value) is dict:
            return {key: _plain(item, exclude_none) for key, item in value.items()}
        return type(value)(_plain(item, exclude_none) for item in value)
    return value


def _picked(value, include, exclude):
    """Returns the parts of a value that are asked for: a set of names, or a dict of what of each."""
    if not isinstance(value, dict) or (include is None and exclude is None):
        return value
    found = {}
    for name, item in value.items():
        if include is not None and name not in include:
            continue
        inner_in, inner_out = _inner(include, name), _inner(exclude, name)
        if exclude is not None and name in exclude and inner_out is None:
            continue
        found[name] = _picked(item, inner_in, inner_out)
    return found


def _inner(choice, name):
    inner = choice.get(name) if isinstance(choice, dict) else None
    return inner if isinstance(inner, (dict, set, frozenset, list, tuple)) else None


def _based(value):
    return base64.urlsafe_b64encode(value).decode() if isinstance(value, bytes) else value
