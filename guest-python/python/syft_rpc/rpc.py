"""Making and sending messages."""

from __future__ import annotations

from syft_core.url import SyftBoxURL
from syft_guest.body import serialize

from .protocol import SyftError

__all__ = ["broadcast", "make_url", "reply_to", "send", "serialize"]


def make_url(datasite: str, app_name: str, endpoint: str) -> SyftBoxURL:
    """Returns the URL of an endpoint."""
    return SyftBoxURL(f"syft://{datasite}/app_data/{app_name}/rpc/" + endpoint.lstrip("/"))


def _refuse(*_, **__):
    raise SyftError("an app in a sandbox cannot send requests: answer by returning from the handler")


send = broadcast = reply_to = _refuse
