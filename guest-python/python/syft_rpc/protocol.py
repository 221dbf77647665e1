"""Statuses, methods and errors of SyftBox RPC."""

from __future__ import annotations

import errno
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
from syft_guest import fields, host, messages, sent, start
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


def response_to(message_id, url, outcome, expires=None):
    """Returns the answer to a message, or what the release has where there is none."""
    url = SyftBoxURL(url)
    if outcome.name == "answered":
        try:
            response = SyftResponse(
                id=message_id,
                sender=url.host,
                url=url,
                body=outcome.body,
                headers=outcome.headers,
                status_code=outcome.status,
            )
        except ValueError as error:
            logger.error(f"Error loading response: {error}")
            response = SyftResponse.system_response(
                SyftStatus.SYFT_500_SERVER_ERROR, f"Error loading response: {error}"
            )
        if expires is not None:
            response.expires = expires
    elif outcome.name == "expired":
        on = "" if expires is None else f" on {expires}"
        message = f"Request with {message_id} expired{on}"
        response = SyftResponse.system_response(SyftStatus.SYFT_419_EXPIRED, message)
    else:
        response = SyftResponse.system_response(SyftStatus.SYFT_403_FORBIDDEN, outcome.reason)
    # By it one tells which of many it belongs to.
    response.id = message_id
    return response


class SyftFuture(Base):
    """An answer to come. It can be kept, and asked in a later call of the app.

    The paths are where the message lies for the receiver: an app in a sandbox sees nothing there.
    """

    __slots__ = ("_request",)

    model_fields = {
        "id": Field(fields.identifier, {"format": "uuid", "type": "string"}),
        "path": Field(fields.path, {"format": "path", "type": "string"}),
        "expires": Field(fields.time, _TIME),
    }

    def _fill(self, values):
        super()._fill(values)
        self._request = values.get("request")

    def __copy__(self):
        other = super().__copy__()
        other._request = self._request
        return other

    @property
    def request_path(self):
        return to_path(self.path) / f"{self.id}.request"

    @property
    def response_path(self):
        return to_path(self.path) / f"{self.id}.response"

    @property
    def rejected_path(self):
        return self.request_path.with_suffix(f".syftrejected{self.request_path.suffix}")

    @property
    def is_rejected(self) -> bool:
        (outcome,) = _asked(messages.look, [self])
        return getattr(outcome, "name", None) == "rejected"

    @property
    def is_expired(self) -> bool:
        return _now() > self.expires

    @property
    def request(self):
        """The message. A future that was made of its three fields alone has none."""
        if self._request is None:
            raise FileNotFoundError(
                errno.ENOENT, "the request of this future was not kept with it", str(self.request_path)
            )
        return self._request

    def wait(self, timeout=DEFAULT_TIMEOUT, poll_interval=DEFAULT_POLL_INTERVAL):
        """Waits for the answer, and no longer than the call may take.

        Raises `SyftTimeoutError` if none comes in time.
        """
        _check_times(timeout, poll_interval)
        (outcome,), is_cut = _asked(messages.receive, [self], timeout)
        if outcome is None:
            raise SyftTimeoutError(_gave_up(timeout, is_cut))
        return self._taken(outcome)

    def resolve(self):
        """Returns the answer, or `None` while there is none."""
        (outcome,) = _asked(messages.look, [self])
        return None if outcome is None else self._taken(outcome)

    def _taken(self, outcome):
        if self._request is not None:
            sent.remove(self._request.get_message_hash(), str(self.id))
        if isinstance(outcome, host.UnknownMessage):
            message = f"Request with {self.id} not found"
            response = SyftResponse.system_response(SyftStatus.SYFT_404_NOT_FOUND, message)
            response.id = self.id
            return response
        return response_to(self.id, self._url(), outcome, self.expires)

    def _url(self):
        if self._request is not None:
            return self._request.url
        # Datasite, path and endpoint; the last name is that of the sender.
        below = self.path.relative_to(start.datasites()).parent
        return f"syft://{below.as_posix()}"

    def __hash__(self):
        return hash(self.id)

    def __eq__(self, other):
        return isinstance(other, SyftFuture) and self.id == other.id


class SyftBulkFuture(Base):
    """Several answers to come."""

    model_fields = {
        "futures": Field(fields.each(SyftFuture), {"items": {}, "type": "array"}),
        "responses": Field(fields.each(SyftResponse), {"items": {}, "type": "array"}, list),
    }

    def resolve(self) -> None:
        """Takes the answers that there are."""
        self._take(_asked(messages.look, self.pending))

    def gather_completed(self, timeout=DEFAULT_TIMEOUT, poll_interval=DEFAULT_POLL_INTERVAL):
        """Waits for all answers, and no longer than the call may take. Returns those that came."""
        _check_times(timeout, poll_interval)
        outcomes, _ = _asked(messages.receive, self.pending, timeout)
        self._take(outcomes)
        return self.responses

    def _take(self, outcomes):
        for future, outcome in zip(self.pending, outcomes):
            if outcome is not None:
                self.responses.append(future._taken(outcome))

    @property
    def id(self) -> UUID:
        """An identifier that is the same for the same futures."""
        combined = ",".join(str(future.id) for future in self.futures)
        return UUID(bytes=hashlib.sha256(combined.encode()).digest()[:16], version=4)

    @property
    def pending(self):
        completed = {response.id for response in self.responses}
        return [future for future in self.futures if future.id not in completed]

    @property
    def failures(self):
        return [response for response in self.responses if not response.is_success]

    @property
    def successes(self):
        return [response for response in self.responses if response.is_success]

    @property
    def all_failed(self) -> bool:
        return len(self.failures) == len(self.futures)


def _asked(ask, futures, *options):
    try:
        return ask([str(future.id) for future in futures], *options)
    except host.MessageError as error:
        raise SyftError(str(error)) from None


def _check_times(timeout, poll_interval):
    if timeout is not None and timeout <= 0:
        raise ValueError("Timeout must be greater than 0")
    if poll_interval <= 0:
        raise ValueError("Poll interval must be greater than 0")


def _gave_up(timeout, is_cut):
    if not is_cut:
        return f"Timeout reached after waiting {timeout} seconds for response"
    return (
        "Timeout reached while waiting for response: the call itself may take no longer. Ask for "
        "more with [limits] time, or take the answer in a later call, as by on_reply"
    )
