"""Whose datasite the app serves, and where its files are."""

from .client_shim import Client
from .config import SyftClientConfig
from .url import SyftBoxURL
from .workspace import SyftWorkspace

__version__ = "0.3.0"
__all__ = ["Client", "SyftClientConfig", "SyftWorkspace", "SyftBoxURL"]
