"""Making and sending messages."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Dict, Optional, Union

from syft_core.url import SyftBoxURL
from syft_guest import body, models
from syft_guest.model import Model

from .protocol import (
    SyftBulkFuture,
    SyftError,
    SyftFuture,
    SyftMethod,
    SyftRequest,
    SyftResponse,
    SyftStatus,
)
from .util import parse_duration

__all__ = [
    "broadcast",
    "make_url",
    "parse_duration",
    "reply_to",
    "send",
    "serialize",
    "write_response",
    "EncryptionParams",
    "GenericModel",
    "SyftBulkFuture",
    "SyftError",
    "SyftFuture",
    "SyftMethod",
    "SyftRequest",
    "SyftResponse",
    "SyftStatus",
]

DEFAULT_EXPIRY = "15m"
BodyType = Union[str, bytes, dict, list, tuple, float, int, None]
HeaderType = Optional[Dict[str, str]]


class GenericModel(Model):
    """Whatever it is given, by name."""

    def _fill(self, values):
        self.__dict__.update(values)
        self._given = set(values)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


class EncryptionParams:
    """For whom a message is to be encrypted. A sandbox has no keys to do it with."""

    def __init__(self, encrypt: bool = False, recipient: Optional[str] = None, client=None):
        self.encrypt, self.recipient, self.client = encrypt, recipient, client

    def validate_for_encryption(self) -> None:
        if self.encrypt and not self.recipient:
            raise ValueError("recipient required for encryption")


def make_url(datasite: str, app_name: str, endpoint: str) -> SyftBoxURL:
    """Returns the URL of an endpoint."""
    return SyftBoxURL(f"syft://{datasite}/app_data/{app_name}/rpc/" + endpoint.lstrip("/"))


def serialize(obj: Any, **kwargs: Any) -> Optional[bytes]:
    """Returns the bytes that are sent of an object. Options are those of `model_dump_json`."""
    if obj is None:
        return None
    names = ("encrypt", "recipient", "client")
    params = EncryptionParams(**{name: kwargs.pop(name) for name in names if name in kwargs})
    params.validate_for_encryption()
    if params.encrypt:
        raise SyftError("an app in a sandbox cannot encrypt: it has no keys")
    if not kwargs or isinstance(obj, (str, bytes)):
        return body.serialize(obj)
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        obj = dataclasses.asdict(obj)
    if isinstance(obj, dict):
        obj = GenericModel(**obj)
    if isinstance(obj, Model) or models.is_model_value(obj):
        return obj.model_dump_json(**kwargs).encode()
    return json.dumps(obj).encode()


def _refuse(*_, **__):
    raise SyftError("an app in a sandbox cannot send requests: answer by returning from the handler")


send = broadcast = reply_to = write_response = _refuse
