"""What an endpoint takes and returns: in the words of the release, and as JSON Schema."""

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections import abc

from syft_guest import models
from syft_guest.values import _DICTS, _LISTS, bare, is_dataclass, is_union

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", bytes: "string"}
_FORMATS = {
    "datetime": "date-time",
    "date": "date",
    "time": "time",
    "UUID": "uuid",
    "Path": "path",
}
# As deep as types are followed; one that holds itself never ends.
_DEEPEST = 8


def released(hint):
    """Returns what `rpc.schema.json` says of a type."""
    if hint is None:
        return "null"
    if models.is_model(hint):
        return models.released_schema(hint)
    if typing.get_origin(hint) is list:
        return {"type": "array", "items": released(typing.get_args(hint)[0])}
    if _is_typing_union(hint):
        members = [it for it in typing.get_args(hint) if it is not type(None)]
        return released(members[0]) if len(members) == 1 else "union"
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return hint.__name__.lower()
    return "any"


def _is_typing_union(hint):
    return getattr(hint, "__origin__", None) is typing.Union


def json_schema(hint, depth=0):
    """Returns the JSON Schema of the values that a type takes; `{}` takes all."""
    if models.is_needed(hint):
        return models.json_schema(hint)
    hint = bare(hint)
    origin, args = typing.get_origin(hint) or hint, typing.get_args(hint)
    if depth > _DEEPEST:
        return {}
    deeper = depth + 1
    if hint in (None, type(None)):
        return {"type": "null"}
    if is_union(hint):
        return {"anyOf": [json_schema(member, deeper) for member in args]}
    if origin is typing.Literal:
        return {"enum": [it.value if isinstance(it, enum.Enum) else it for it in args]}
    if origin is tuple and args and args[-1] is not Ellipsis:
        items = [json_schema(arg, deeper) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in _LISTS or origin is tuple:
        return {"type": "array"} | ({"items": json_schema(args[0], deeper)} if args else {})
    if origin in _DICTS or origin is abc.Mapping:
        more = {"additionalProperties": json_schema(args[1], deeper)} if args else {}
        return {"type": "object"} | more
    if origin in _NAMES:
        return {"type": _NAMES[origin]}
    if not isinstance(origin, type):
        return {}
    if typing.is_typeddict(origin):
        return _typed_dict(origin, deeper)
    if is_dataclass(origin):
        return _dataclass(origin, deeper)
    if issubclass(origin, enum.Enum):
        return {"enum": [member.value for member in origin]}
    if origin.__name__ in _FORMATS:
        return {"type": "string", "format": _FORMATS[origin.__name__]}
    return {}


def _dataclass(hint, depth):
    hints = typing.get_type_hints(hint, include_extras=True)
    properties, required = {}, []
    for field in dataclasses.fields(hint):
        if not field.init:
            continue
        schema = json_schema(hints[field.name], depth)
        if field.default is not dataclasses.MISSING:
            schema |= _default(field.default)
        elif field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        properties[field.name] = schema
    schema = {"title": hint.__name__, "type": "object", "properties": properties}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema | _description(hint)


def _description(hint):
    text = hint.__doc__
    if not text or text.startswith(f"{hint.__name__}("):
        # Python writes the signature where the author wrote nothing.
        return {}
    return {"description": inspect.cleandoc(text)}


def _typed_dict(hint, depth):
    hints = typing.get_type_hints(hint, include_extras=True)
    return {
        "title": hint.__name__,
        "type": "object",
        "properties": {name: json_schema(field, depth) for name, field in hints.items()},
        "required": sorted(hint.__required_keys__),
    }


def _default(value):
    """Returns the default, where JSON can say it."""
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or type(value) in (str, int, bool, list, dict):
        return {"default": value} if _is_json(value) else {}
    if type(value) is float and value - value == 0:
        return {"default": value}
    return {}


def parameter_schema(hint, has_default, default):
    """Returns the JSON Schema of a parameter as text, or `None` where all fits."""
    schema = json_schema(hint)
    if has_default:
        schema |= _default(default)
    return dumps(schema) if schema and _is_json(schema) else None


def return_schema(hint):
    schema = json_schema(hint)
    return dumps(schema) if schema and _is_json(schema) else None


def _is_json(value):
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def entry(endpoint):
    """Returns what is said of an endpoint."""
    from syft_event.schema import generate_schema
    from syft_event.types import Response

    said = generate_schema(endpoint.function)
    known = {parameter.name: parameter for parameter in endpoint.arguments.bodies}
    parameters = []
    for name, argument in said["args"].items():
        parameter = known.get(name)
        schema = parameter and parameter_schema(
            parameter.hint if parameter.is_annotated else parameter.type,
            parameter.has_default,
            parameter.default,
        )
        parameters.append(
            {
                "name": name,
                "type_json": dumps(argument["type"]),
                "schema_json": schema,
                "required": argument["required"],
            }
        )
    hints = typing.get_type_hints(endpoint.function, include_extras=True)
    returns = hints.get("return", typing.Any)
    return {
        "description": said["description"],
        "parameters": parameters,
        "returns_json": dumps(said["returns"]),
        "returns_schema_json": None if returns is Response else return_schema(returns),
    }
