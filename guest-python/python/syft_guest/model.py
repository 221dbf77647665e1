"""A small stand-in for the pydantic models that SyftEvent's own types are."""

import copy


class ValidationError(ValueError):
    """A value has not the type of its field."""


class Model:
    """Fields by name, compared and shown by them."""

    FIELDS = ()

    def model_dump(self, **_):
        return {name: getattr(self, name) for name in self.FIELDS}

    def model_dump_json(self, **_):
        from syft_guest.body import compact

        return compact(self.model_dump())

    dict = model_dump
    json = model_dump_json

    def model_copy(self, *, update=None, deep=False):
        other = copy.deepcopy(self) if deep else copy.copy(self)
        for name, value in (update or {}).items():
            setattr(other, name, value)
        return other

    def __iter__(self):
        return iter(self.model_dump().items())

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self.model_dump() == other.model_dump()

    __hash__ = None

    def _shown(self, separator):
        return separator.join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)

    def __repr__(self):
        return f"{type(self).__name__}({self._shown(', ')})"

    def __str__(self):
        return self._shown(" ")


def refuse(model, field, reason):
    raise ValidationError(f"1 validation error for {model}\n{field}\n  {reason}")


def header_fields(model, headers):
    """Returns headers, which are text by text."""
    if not isinstance(headers, dict):
        refuse(model, "headers", "Input should be a valid dictionary")
    for name, value in headers.items():
        if not isinstance(name, str):
            refuse(model, f"headers.{name}.[key]", "Input should be a valid string")
        if not isinstance(value, str):
            refuse(model, f"headers.{name}", "Input should be a valid string")
    return dict(headers)


def text_field(model, name, value):
    if not isinstance(value, str):
        refuse(model, name, "Input should be a valid string")
    return value
