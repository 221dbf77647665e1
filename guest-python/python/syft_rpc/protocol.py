"""Statuses, methods and errors of SyftBox RPC."""

from __future__ import annotations

import json as _json
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from http import HTTPStatus
from uuid import uuid4

from syft_core.url import SyftBoxURL
from syft_guest.model import Model

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


SyftStatus = IntEnum(
    "SyftStatus",
    {
        **_statuses(),
        "is_success": property(lambda self: 200 <= self.value < 300),
        "is_error": property(lambda self: self.value >= 400),
    },
)


class SyftError(Exception):
    """The base of what goes wrong in SyftBox RPC."""


class SyftTimeoutError(SyftError):
    """Nothing came in time."""


class SyftMessage(Model):
    FIELDS = ("id", "sender", "url", "body", "headers", "created", "expires")

    def __init__(
        self, sender, url, id=None, body=None, headers=None, created=None, expires=None
    ):
        now = datetime.now(timezone.utc)
        self.id = id or uuid4()
        self.sender = sender
        self.url = url if isinstance(url, SyftBoxURL) else SyftBoxURL(url)
        self.body = body
        self.headers = headers or {}
        self.created = created or now
        self.expires = expires or now + timedelta(seconds=DEFAULT_MESSAGE_EXPIRY)

    @property
    def age(self) -> float:
        return (datetime.now(timezone.utc) - self.created).total_seconds()

    @property
    def is_expired(self) -> bool:
        return datetime.now(timezone.utc) > self.expires

    def text(self) -> str:
        return self.body.decode() if self.body else ""

    def json(self, **kwargs):
        return _json.loads(self.text(), **kwargs)


class SyftRequest(SyftMessage):
    FIELDS = (*SyftMessage.FIELDS, "method")

    def __init__(self, sender, url, method=SyftMethod.GET, **fields):
        super().__init__(sender, url, **fields)
        self.method = SyftMethod(method)


class SyftResponse(SyftMessage):
    FIELDS = (*SyftMessage.FIELDS, "status_code")

    def __init__(self, sender, url, status_code=200, **fields):
        super().__init__(sender, url, **fields)
        self.status_code = SyftStatus(status_code)

    @property
    def is_success(self) -> bool:
        return self.status_code.is_success

    def raise_for_status(self):
        if self.status_code.is_error:
            raise SyftError(
                f"Request failed with status code {self.status_code}. Reason: {self.body}"
            )


class SyftFuture:
    """An answer to come. An app in a sandbox sends no requests, so it has none."""

    def __init__(self, *_, **__):
        raise SyftError("an app in a sandbox cannot send requests")


class SyftBulkFuture(SyftFuture):
    """Several answers to come."""
