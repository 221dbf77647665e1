"""Making and sending messages."""

from __future__ import annotations

import dataclasses
import json
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Optional, Union
from uuid import UUID

from syft_core.client_shim import Client
from syft_core.url import SyftBoxURL
from syft_guest import body as bodies
from syft_guest import answers, host, messages, models, replies, state
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
    """For whom a message is to be encrypted."""

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
        raise SyftError(
            "an app in a sandbox has no keys to encrypt with: the host does it for what is sent "
            "with encrypt=True"
        )
    if not kwargs or isinstance(obj, (str, bytes)):
        return bodies.serialize(obj)
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        obj = dataclasses.asdict(obj)
    if isinstance(obj, dict):
        obj = GenericModel(**obj)
    if isinstance(obj, Model) or models.is_model_value(obj):
        return obj.model_dump_json(**kwargs).encode()
    return json.dumps(obj).encode()


def send(
    url: Union[SyftBoxURL, str],
    method: Union[SyftMethod, str] = SyftMethod.GET,
    body: Optional[BodyType] = None,
    headers: Optional[HeaderType] = None,
    expiry: str = DEFAULT_EXPIRY,
    cache: Optional[bool] = None,
    client: Optional[Client] = None,
    encrypt: bool = False,
    *,
    on_reply: Optional[Callable] = None,
    context: Any = None,
) -> SyftFuture:
    """Sends a request, and returns the future of its answer.

    It leaves when the call ends well, or at once, when its answer is waited for. `on_reply` is a
    function with that decorator of `syft_guest`, which takes what becomes of it in a call of its
    own, with the context; the release has neither.
    """
    if not host.is_handling:
        raise SyftError(
            "the program sends a message at its start, which would be sent again with each call: "
            "send it in a handler"
        )
    if cache is None:
        cache = not encrypt and on_reply is None
    if cache and encrypt:
        warnings.warn(
            "Caching encrypted requests is ineffective due to ephemeral keys. "
            "Each encrypted request will generate a unique cache entry. "
            "Consider cache=False for encrypted requests.",
            UserWarning,
            stacklevel=2,
        )
    duration = parse_duration(expiry)
    client = Client.load() if client is None else client
    request = SyftRequest(
        sender=client.email,
        method=SyftMethod(method),
        url=url if isinstance(url, SyftBoxURL) else SyftBoxURL(url),
        headers=headers or {},
        body=serialize(body),
        expires=datetime.now(timezone.utc) + duration,
    )
    if encrypt and request.body is not None:
        # As in the release, only text can be encrypted.
        request.body.decode()
    message = _message(request, duration, encrypt, on_reply, context)
    digest = request.get_message_hash() if cache and not encrypt and on_reply is None else None
    try:
        message_id, request.expires = messages.send(message, digest, request.expires)
    except host.MessageError as error:
        raise SyftError(str(error)) from None
    request.id = UUID(message_id)
    return SyftFuture(
        id=request.id,
        path=request.url.to_local_path(client.workspace.datasites) / request.sender,
        expires=request.expires,
        request=request,
    )


def _message(request, duration, encrypt, on_reply, context):
    return host.Message(
        url=str(request.url),
        method=request.method.value,
        headers=request.headers,
        body=request.body,
        timeout=duration // timedelta(microseconds=1),
        encrypt=encrypt,
        handler=None if on_reply is None else replies.name_of(on_reply),
        context=None if context is None else state.encode(context),
    )


def broadcast(
    urls: Union[List[SyftBoxURL], List[str]],
    body: Optional[BodyType] = None,
    headers: Optional[HeaderType] = None,
    expiry: str = DEFAULT_EXPIRY,
    cache: Optional[bool] = None,
    client: Optional[Client] = None,
    encrypt: bool = False,
    *,
    on_reply: Optional[Callable] = None,
    context: Any = None,
) -> SyftBulkFuture:
    """Sends a request to each of several, always by the method GET, and returns the future of their
    answers."""
    options = {"body": body, "headers": headers, "expiry": expiry, "cache": cache}
    options |= {"client": client, "encrypt": encrypt, "on_reply": on_reply, "context": context}
    return SyftBulkFuture(futures=[send(url, **options) for url in urls])


def reply_to(
    request,
    body: Optional[BodyType] = None,
    headers: Optional[HeaderType] = None,
    status_code: SyftStatus = SyftStatus.SYFT_200_OK,
    client: Optional[Client] = None,
    encrypt: bool = False,
) -> SyftResponse:
    """Answers the request that is handled, whose handler then returns nothing.

    An app cannot answer other requests: what lies in the folders of requests is the host's.
    """
    client = Client.load() if client is None else client
    answer = SyftResponse(
        id=request.id,
        sender=client.email,
        url=request.url,
        headers=headers or {},
        body=serialize(body),
        status_code=status_code,
    )
    try:
        answers.give(answer, encrypt)
    except LookupError as error:
        raise SyftError(str(error)) from None
    return answer


def write_response(*_, **__):
    """Is not for an app: the host answers requests that cannot be read."""
    raise SyftError(
        "an app in a sandbox writes no answers into the folders of requests: the host answers those "
        "that cannot be read"
    )
