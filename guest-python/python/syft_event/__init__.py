"""SyftEvent for programs that `syft-host` runs in a sandbox."""

from .router import EventRouter
from .server2 import SyftEvents
from .types import Request, Response

# The release whose programs this runs.
__version__ = "0.4.3"
__all__ = ["SyftEvents", "Request", "Response", "EventRouter"]
