"""What handlers take and give."""

from __future__ import annotations

from typing import Any, Dict, Optional

from syft_core.url import SyftBoxURL
from syft_guest.model import Model, header_fields, refuse, text_field

_STATUS = "Input should be a valid integer"


class Request(Model):
    """A request as its handler sees it."""

    FIELDS = ("id", "sender", "url", "headers", "body", "method")

    id: str
    sender: str
    url: SyftBoxURL
    headers: Dict[str, str]
    body: Optional[bytes]
    method: str

    def __init__(self, id, sender, url, headers=None, body=None, method="GET"):
        self.id = text_field("Request", "id", id)
        self.sender = text_field("Request", "sender", sender)
        self.url = url if isinstance(url, SyftBoxURL) else SyftBoxURL(url)
        self.headers = header_fields("Request", {} if headers is None else headers)
        self.body = body
        self.method = method


class Response(Model):
    """An answer with a status and headers of its own."""

    FIELDS = ("body", "status_code", "headers")

    body: Any
    status_code: int
    headers: Optional[Dict[str, str]]

    def __init__(self, body=None, status_code=200, headers=None):
        self.body = body
        self.status_code = _status(status_code)
        self.headers = None if headers is None else header_fields("Response", headers)


def _status(code):
    if isinstance(code, (int, str)):
        try:
            return int(code)
        except ValueError:
            pass
    if isinstance(code, float) and code.is_integer():
        return int(code)
    refuse("Response", "status_code", _STATUS)
