"""What a handler returns, as the bytes that the release makes of it."""

import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import math
import pathlib
import re
import uuid
from collections import deque
from collections.abc import Iterator
from json.encoder import encode_basestring

from syft_guest import models
from syft_guest.model import Model
from syft_guest.state import State


def serialize(value):
    """Returns the bytes, or `None` for `None`.

    A dict or a dataclass becomes compact JSON with raw text, a list JSON in Python's way with
    spaces and escapes: the release hands one to pydantic, the other to `json`.
    """
    if value is None:
        return None
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Model) or models.is_model_value(value):
        return value.model_dump_json().encode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object(dataclasses.asdict(value)).encode()
    if isinstance(value, (dict, State)):
        for key in value:
            if not isinstance(key, str):
                raise TypeError("keywords must be strings")
        return _object(value).encode()
    if models.holds_models(value):
        return models.to_json(value)
    return json.dumps(value).encode()


def _object(value):
    return compact(value) if models.library() is None else models.dump(dict(value))


def compact(value):
    """Returns JSON as pydantic writes it."""
    return _write(value, ())


def _write(value, inside):
    if isinstance(value, enum.Enum):
        return _write(value.value, inside)
    if value is None:
        return "null"
    if isinstance(value, str):
        return encode_basestring(str.__str__(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if id(value) in inside:
        raise ValueError("Circular reference detected (id repeated)")
    inside = (*inside, id(value))
    if isinstance(value, (dict, State)):
        pairs = (f"{_key(key)}:{_write(item, inside)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, _ARRAYS):
        return "[" + ",".join(_write(item, inside) for item in value) + "]"
    if isinstance(value, Model):
        return _write(value.model_dump(), inside)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {it.name: getattr(value, it.name) for it in dataclasses.fields(value)}
        return _write(fields, inside)
    text = _text(value)
    if text is None:
        raise TypeError(f"Unable to serialize unknown type: {type(value)}")
    return encode_basestring(text)


_ARRAYS = (list, tuple, set, frozenset, deque, Iterator)


def _key(key):
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, bool):
        key = "true" if key else "false"
    elif key is None:
        key = "None"
    elif isinstance(key, int):
        key = int.__repr__(key)
    elif isinstance(key, float):
        key = _number(key) if math.isfinite(key) else "None"
    elif isinstance(key, tuple):
        key = ",".join(json.loads(_key(part)) for part in key)
    elif not isinstance(key, str):
        text = _text(key)
        if text is None:
            raise TypeError(f"Unable to serialize unknown type: {type(key)}")
        key = text
    return encode_basestring(str.__str__(key))


def _float(value):
    return _number(value) if math.isfinite(value) else "null"


def _number(value):
    """Returns the shortest digits, with exponents as pydantic writes them."""
    text = float.__repr__(value)
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    power = int(exponent)
    if power == -5:
        # Python begins with exponents one place earlier.
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}0.0000{digits.replace('.', '')}"
    return f"{mantissa}e{power:+}" if power > 0 else f"{mantissa}e{power}"


def _text(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode()
    if isinstance(value, datetime.datetime):
        return _utc(value.isoformat())
    if isinstance(value, (datetime.date, datetime.time)):
        return _utc(value.isoformat())
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, complex):
        return str(value).strip("()")
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, _AS_TEXT):
        return str(value)
    return None


_AS_TEXT = (
    uuid.UUID,
    decimal.Decimal,
    pathlib.PurePath,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
)


def _utc(text):
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _duration(value):
    """Returns a time as ISO 8601 has it; a year is 365 days."""
    sign = "-" if value < datetime.timedelta(0) else ""
    value = abs(value)
    years, days = divmod(value.days, 365)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    date = _parts((years, "Y"), (days, "D"))
    time = _parts((hours, "H"), (minutes, "M"))
    if seconds or value.microseconds:
        fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
        time += f"{seconds}{fraction}S"
    if not (date or time):
        time = "0S"
    return f"{sign}P{date}" + (f"T{time}" if time else "")


def _parts(*parts):
    return "".join(f"{count}{unit}" for count, unit in parts if count)
