"""Models of pydantic, where a program uses it: as arguments, as answers and in schemas.

The release hands bodies, answers and schemas to pydantic. So does this, and what pydantic says
of a wrong value is what a caller gets. A program that does not import pydantic has none of it.
"""

import dataclasses
import json
import sys
import typing

from syft_guest.values import Misfit

# The modules of what `Annotated` may carry for pydantic.
_LIBRARIES = ("pydantic", "pydantic_core", "annotated_types")
# As deep as types are followed; one that holds itself never ends.
_DEEPEST = 8


def library():
    """Returns pydantic, if the program has imported it."""
    return sys.modules.get("pydantic")


def is_model(hint):
    """Returns whether a type is a model."""
    pydantic = library()
    return pydantic is not None and isinstance(hint, type) and issubclass(hint, pydantic.BaseModel)


def is_model_value(value):
    pydantic = library()
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


def is_needed(hint, depth=0):
    """Returns whether only pydantic can read values of a type."""
    if library() is None or depth > _DEEPEST:
        return False
    if typing.get_origin(hint) is typing.Annotated:
        if any(_is_of_library(type(mark)) for mark in hint.__metadata__):
            return True
    hint = getattr(hint, "__value__", hint)
    if hasattr(hint, "__get_pydantic_core_schema__") and not dataclasses.is_dataclass(hint):
        return True
    if isinstance(hint, type) and (_is_of_library(hint) or is_model(hint)):
        return True
    return any(is_needed(arg, depth + 1) for arg in typing.get_args(hint))


def _is_of_library(kind):
    return kind.__module__.partition(".")[0] in _LIBRARIES


def reader(hint):
    """Returns a function that makes a JSON value a value of a type."""
    adapter = library().TypeAdapter(hint)

    def read(value, name):
        try:
            return adapter.validate_json(json.dumps(value))
        except library().ValidationError as error:
            raise Misfit(str(error)) from None

    return read


def whole(parameter, body):
    """Returns the model that a body is, as the release reads it.

    An object of nothing but the parameter's name is read as that, where the release would refuse
    it."""
    model = parameter.type
    try:
        return model.model_validate_json(body)
    except library().ValidationError as error:
        try:
            return _named(parameter, body)
        except ValueError:
            raise Misfit(str(error)) from None


def _named(parameter, body):
    value = json.loads(body or b"")
    if type(value) is not dict or list(value) != [parameter.name]:
        raise ValueError
    return parameter.type.model_validate_json(json.dumps(value[parameter.name]))


def dump(value):
    """Returns what pydantic makes of a dict or a model, as the release has it."""
    if is_model_value(value):
        return value.model_dump_json()
    return _generic()(**value).model_dump_json()


def to_json(value):
    """Returns a list or the like, with the models in it."""
    return library().TypeAdapter(typing.Any).dump_json(value)


def holds_models(value, depth=0):
    """Returns whether `json` cannot write a value, for a model in it."""
    if depth > _DEEPEST or library() is None:
        return False
    if isinstance(value, dict):
        return any(holds_models(item, depth + 1) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_models(item, depth + 1) for item in value)
    return is_model_value(value)


def _generic():
    """Returns the release's model of anything. Made once, with the program."""
    found = globals().get("_Generic")
    if found is None:
        pydantic = library()
        found = type(
            "GenericModel",
            (pydantic.BaseModel,),
            {"__module__": __name__, "model_config": pydantic.ConfigDict(extra="allow")},
        )
        globals()["_Generic"] = found
    return found


def prepare():
    """Makes what calls use, while the component is built."""
    if library() is not None:
        _generic()


def released_schema(hint):
    """Returns what `rpc.schema.json` says of a model."""
    return {"type": "model", "name": hint.__name__, "schema": hint.model_json_schema()}


def json_schema(hint):
    """Returns the JSON Schema of a type, or `{}` where pydantic knows none."""
    try:
        return library().TypeAdapter(hint).json_schema()
    except library().errors.PydanticUserError:
        return {}
