"""The messages of SyftBox RPC, as far as an app in a sandbox meets them."""

from .protocol import SyftBulkFuture, SyftFuture, SyftRequest, SyftResponse
from .rpc import broadcast, reply_to, send

__version__ = "0.4.1"
__all__ = [
    "broadcast",
    "reply_to",
    "send",
    "SyftRequest",
    "SyftResponse",
    "SyftFuture",
    "SyftBulkFuture",
]
