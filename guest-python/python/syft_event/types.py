"""What handlers take and give."""

from __future__ import annotations

from typing import Any, Dict, Optional

from syft_core.url import SyftBoxURL
from syft_guest import fields
from syft_guest.fields import Field
from syft_guest.model import Model

_TEXT = {"type": "string"}
_HEADERS = {"additionalProperties": _TEXT, "type": "object"}
_URL = {"description": "A SyftBox URL", "format": "uri", "type": "string"}
_BYTES = {"format": "binary", "type": "string"}


class Request(Model):
    """A request as its handler sees it."""

    id: str
    sender: str
    url: SyftBoxURL
    headers: Dict[str, str]
    body: Optional[bytes]
    method: str

    model_fields = {
        "id": Field(fields.text, _TEXT),
        "sender": Field(fields.text, _TEXT),
        "url": Field(fields.url, _URL),
        "headers": Field(fields.headers, _HEADERS, dict),
        "body": Field(fields.optional(fields.binary), fields.optional_schema(_BYTES)),
        "method": Field(fields.text, _TEXT),
    }


class Response(Model):
    """An answer with a status and headers of its own."""

    body: Any
    status_code: int
    headers: Optional[Dict[str, str]]

    model_fields = {
        "body": Field(fields.anything, {"default": None}, lambda: None),
        "status_code": Field(fields.integer, {"default": 200, "type": "integer"}, lambda: 200),
        "headers": Field(
            fields.optional(fields.headers),
            {**fields.optional_schema(_HEADERS), "default": None},
            lambda: None,
        ),
    }
