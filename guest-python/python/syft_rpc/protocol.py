"""Statuses, methods and errors of SyftBox RPC."""

from __future__ import annotations

import hashlib
import json as _json
import logging
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from http import HTTPStatus
from typing import Dict, List, TypeVar, Union
from uuid import UUID, uuid4

from syft_core.types import to_path
from syft_core.url import SyftBoxURL
from syft_guest import fields
from syft_guest.fields import Field
from syft_guest.model import Model

logger = logging.getLogger(__name__)

JSONPrimitive = Union[str, int, float, bool, None]
JSONValue = Union[Dict[str, "JSONValue"], List["JSONValue"], JSONPrimitive]
JSON = Union[str, bytes, bytearray]
Headers = dict[str, str]
PYDANTIC = TypeVar("PYDANTIC")

DEFAULT_MESSAGE_EXPIRY: int = 60 * 60 * 24
DEFAULT_POLL_INTERVAL: float = 0.1
DEFAULT_TIMEOUT: float = 300


class SyftMethod(str, Enum):
    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


def _statuses():
    """Returns those of HTTP under their names, and all with the prefix of the README."""
    # Python 3.13 renamed some.
    names = {status.name: status.value for status in HTTPStatus} | {
        "REQUEST_ENTITY_TOO_LARGE": 413,
        "REQUEST_URI_TOO_LONG": 414,
        "REQUESTED_RANGE_NOT_SATISFIABLE": 416,
        "UNPROCESSABLE_ENTITY": 422,
    }
    prefixed = {f"SYFT_{value}_{name}": value for name, value in names.items()}
    own = {
        "SYFT_200_OK": 200,
        "SYFT_400_BAD_REQUEST": 400,
        "SYFT_403_FORBIDDEN": 403,
        "SYFT_404_NOT_FOUND": 404,
        "SYFT_419_EXPIRED": 419,
        "SYFT_499_CLIENT_CLOSED_REQUEST": 499,
        "SYFT_500_SERVER_ERROR": 500,
    }
    return names | own | prefixed


http_members = _statuses()
class_namespace = {
    **http_members,
    "is_success": property(lambda self: 200 <= self.value < 300),
    "is_error": property(lambda self: self.value >= 400),
}
SyftStatus = IntEnum("SyftStatus", class_namespace)


class SyftError(Exception):
    """The base of what goes wrong in SyftBox RPC."""


class SyftTimeoutError(SyftError):
    """Nothing came in time."""


class Base(Model):
    """What is written to files and read from them."""

    def dumps(self) -> str:
        return self.model_dump_json()

    def dump(self, path) -> None:
        to_path(path).write_text(self.dumps(), encoding="utf-8")

    @classmethod
    def loads(cls, data):
        return cls.model_validate_json(data)

    @classmethod
    def load(cls, path):
        return cls.loads(to_path(path).read_text(encoding="utf-8"))


def _now() -> datetime:
    return datetime.now(timezone.utc)


_TEXT = {"type": "string"}
_TIME = {"format": "date-time", "type": "string"}


class SyftMessage(Base):
    VERSION = 1
    _encoding = "base64"

    model_fields = {
        "id": Field(fields.identifier, {"format": "uuid", "type": "string"}, uuid4),
        "sender": Field(fields.text, _TEXT),
        "url": Field(
            fields.url, {"description": "A SyftBox URL", "format": "uri", "type": "string"}
        ),
        "body": Field(
            fields.optional(fields.binary),
            {
                **fields.optional_schema({"format": "base64url", "type": "string"}),
                "default": None,
            },
            lambda: None,
        ),
        "headers": Field(fields.headers, {"additionalProperties": _TEXT, "type": "object"}, dict),
        "created": Field(fields.time, _TIME, _now),
        "expires": Field(
            fields.time, _TIME, lambda: _now() + timedelta(seconds=DEFAULT_MESSAGE_EXPIRY)
        ),
    }

    def _written(self, name, value):
        return value.isoformat() if isinstance(value, datetime) else value

    @property
    def age(self) -> float:
        return (_now() - self.created).total_seconds()

    @property
    def is_expired(self) -> bool:
        return _now() > self.expires

    def get_message_id(self) -> UUID:
        """Returns an identifier that is the same for the same contents."""
        return UUID(bytes=self._hash().digest()[:16], version=4)

    def get_message_hash(self) -> str:
        return self._hash().hexdigest()

    def _hash(self):
        contents = self.model_dump_json(include={"url", "method", "sender", "headers", "body"})
        return hashlib.sha256(contents.encode())

    def text(self) -> str:
        return self.body.decode() if self.body else ""

    def json(self, **_):
        return _json.loads(self.text())

    def model(self, model_cls):
        """Returns the body as a model."""
        return model_cls.model_validate_json(self.body)


class SyftRequest(SyftMessage):
    model_fields = {
        **SyftMessage.model_fields,
        "method": Field(
            fields.one_of(SyftMethod),
            {"default": "GET", "enum": [it.value for it in SyftMethod], "type": "string"},
            lambda: SyftMethod.GET,
        ),
    }


class SyftResponse(SyftMessage):
    model_fields = {
        **SyftMessage.model_fields,
        "status_code": Field(
            fields.one_of(SyftStatus),
            {"default": 200, "enum": [it.value for it in SyftStatus], "type": "integer"},
            lambda: SyftStatus.SYFT_200_OK,
        ),
    }

    @property
    def is_success(self) -> bool:
        return self.status_code.is_success

    def raise_for_status(self):
        if self.status_code.is_error:
            raise SyftError(
                f"Request failed with status code {self.status_code}. Reason: {self.body}"
            )

    @classmethod
    def system_response(cls, status_code, message: str):
        """Returns an answer that no app gave."""
        return cls(
            status_code=status_code,
            body=message.encode(),
            url=SyftBoxURL("syft://system@syftbox.localhost"),
            sender="system@syftbox.localhost",
        )


class SyftFuture:
    """An answer to come. An app in a sandbox sends no requests, so it has none."""

    def __init__(self, *_, **__):
        raise SyftError("an app in a sandbox cannot send requests")


class SyftBulkFuture(SyftFuture):
    """Several answers to come."""
