"""The fields of the release's types: what they take, as pydantic reads it, and how they describe
themselves."""

import base64
import datetime
import enum
import pathlib
import re
import string
import uuid
from collections.abc import Mapping

from syft_core.url import SyftBoxURL

_MESSAGES = {
    "missing": "Field required",
    "string_type": "Input should be a valid string",
    "string_unicode": "Input should be a valid string, unable to parse raw data as a unicode string",
    "bytes_type": "Input should be a valid bytes",
    "bytes_invalid_encoding": "Data should be valid {encoding}: {encoding_error}",
    "dict_type": "Input should be a valid dictionary",
    "int_type": "Input should be a valid integer",
    "int_from_float": "Input should be a valid integer, got a number with a fractional part",
    "int_parsing": "Input should be a valid integer, unable to parse string as an integer",
    "datetime_type": "Input should be a valid datetime",
    "datetime_from_date_parsing": "Input should be a valid datetime or date, {error}",
    "uuid_type": "UUID input should be a string, bytes or UUID object",
    "uuid_parsing": "Input should be a valid UUID, {error}",
    "enum": "Input should be {expected}",
    "value_error": "Value error, {error}",
    "list_type": "Input should be a valid list",
    "path_type": "Input is not a valid path for <class 'pathlib.Path'>",
    "model_type": "Input should be a valid dictionary or instance of {class_name}",
    "json_type": "JSON input should be string, bytes or bytearray",
    "json_invalid": "Invalid JSON: {error}",
}
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_URL_SAFE, _STANDARD = f"{_LETTERS}-_", f"{_LETTERS}+/"
# Seconds since 1970 beyond these are milliseconds.
_LARGEST_SECONDS = 20_000_000_000


class Misread(ValueError):
    """A value is not what its field takes."""

    def __init__(self, kind, value, place=(), **context):
        super().__init__(kind)
        self.kind, self.input, self.place, self.context = kind, value, place, context

    @property
    def message(self):
        return _MESSAGES[self.kind].format(**self.context)

    def below(self, name):
        """Returns it as that of a field."""
        return Misread(self.kind, self.input, (name, *self.place), **self.context)


class Field:
    """What a field takes: a function that reads a value, or raises `Misread` or an
    `ExceptionGroup` of them; and what it is where nothing is given."""

    def __init__(self, read, schema, make_default=None):
        self.read, self.schema, self._make_default = read, schema, make_default

    def is_required(self):
        return self._make_default is None

    def get_default(self, **_):
        return None if self._make_default is None else self._make_default()


def optional(read):
    return lambda value, encoding: None if value is None else read(value, encoding)


def optional_schema(schema):
    return {"anyOf": [schema, {"type": "null"}]}


def anything(value, _):
    return value


def text(value, _=None):
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Misread("string_unicode", value) from None
    raise Misread("string_type", value)


def url(value, _):
    try:
        return SyftBoxURL(text(value))
    except Misread:
        raise
    except ValueError as error:
        raise Misread("value_error", value, error=error) from None


def binary(value, encoding):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        raise Misread("bytes_type", value)
    return value.encode() if encoding == "utf8" else _unbased(value)


def _unbased(value):
    def wrong(error):
        return Misread("bytes_invalid_encoding", value, encoding="base64", encoding_error=error)

    bare = value.rstrip("=")
    symbols = _URL_SAFE
    strange = re.search(r"[^A-Za-z0-9_-]", bare)
    if strange and strange[0] in "+/":
        symbols = _STANDARD
        strange = re.search(r"[^A-Za-z0-9+/]", bare)
    if strange:
        raise wrong(f"Invalid symbol {ord(strange[0])}, offset {strange.start()}.")
    if len(bare) % 4 == 1:
        raise wrong(f"Invalid input length: {len(value)}")
    if bare:
        last, n_unused = symbols.index(bare[-1]), (0, 0, 4, 2)[len(bare) % 4]
        if last % (1 << n_unused):
            at = f"{ord(bare[-1]):#x} ({bare[-1]!r}) at offset {len(bare) - 1}"
            raise wrong(f"Invalid last symbol {at}, decoded as 0b{last:08b}.")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=symbols[-2:])


def path(value, _):
    try:
        return pathlib.Path(value)
    except TypeError:
        raise Misread("path_type", value) from None


def each(kind):
    """Returns what reads a list of models."""

    def read(value, _):
        if not isinstance(value, (list, tuple)):
            raise Misread("list_type", value)
        return [kind.model_validate(item) for item in value]

    return read


def headers(value, _):
    if not isinstance(value, Mapping):
        raise Misread("dict_type", value)
    read, wrong = {}, []
    for name, item in value.items():
        try:
            key = text(name)
        except Misread as error:
            wrong.append(error.below("[key]").below(str(name)))
            continue
        try:
            read[key] = text(item)
        except Misread as error:
            wrong.append(error.below(key))
    if wrong:
        raise ExceptionGroup("headers", wrong)
    return read


def integer(value, _=None):
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise Misread("int_from_float", value)
    if isinstance(value, (str, bytes)):
        digits = value if isinstance(value, str) else value.decode("latin-1")
        if re.fullmatch(r"\s*[+-]?\d+(_\d+)*(\.0*)?\s*", digits, re.ASCII):
            return int(digits.partition(".")[0])
        raise Misread("int_parsing", value)
    raise Misread("int_type", value)


def one_of(kind):
    """Returns what reads the members of an enumeration, given by their values."""
    values = [member.value for member in kind.__members__.values()]
    shown = [repr(value) for value in values]
    expected = " or ".join([", ".join(shown[:-1]), shown[-1]])

    def read(value, _):
        try:
            return kind(integer(value) if isinstance(values[0], int) else value)
        except ValueError:
            raise Misread("enum", value, expected=expected) from None

    return read


def identifier(value, _):
    if isinstance(value, uuid.UUID):
        return value
    if isinstance(value, bytes) and len(value) == 16:
        return uuid.UUID(bytes=value)
    if not isinstance(value, (str, bytes)):
        raise Misread("uuid_type", value)
    try:
        return uuid.UUID(text(value))
    except ValueError as error:
        raise Misread("uuid_parsing", value, error=str(error)) from None


def time(value, _):
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, (str, bytes)):
        return _time_of_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misread("datetime_type", value)
    return _time_of_number(value, value)


def _time_of_text(value):
    written = text(value).strip()
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", written, re.ASCII):
        return _time_of_number(float(written), value)
    try:
        return datetime.datetime.fromisoformat(written.replace("z", "Z"))
    except ValueError:
        error = "input is too short" if len(written) < 10 else "it is none of ISO 8601"
        raise Misread("datetime_from_date_parsing", value, error=error) from None


def _time_of_number(seconds, value):
    seconds = seconds / 1000 if abs(seconds) > _LARGEST_SECONDS else seconds
    try:
        start = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return start + datetime.timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        error = "dates after 9999 are not supported as unix timestamps"
        raise Misread("datetime_from_date_parsing", value, error=error) from None
