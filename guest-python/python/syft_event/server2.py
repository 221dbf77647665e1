"""The class that an app is written with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Optional, Type, Union

from syft_core import Client
from syft_guest import alone, apps, start
from syft_guest.endpoint import Endpoint
from syft_guest.state import State
from syft_guest.watches import Watch
from watchdog.events import (
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from .cleanup import CleanupStats, PeriodicCleanup
from .router import EventRouter
from .schema import generate_schema

DEFAULT_WATCH_EVENTS: List[Type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileModifiedEvent,
]

# The rules of the folder of requests. Here it is the host that writes them, by endpoint.
PERMS = """
rules:
- pattern: rpc.schema.json
  access:
    read:
    - '*'
- pattern: '**/{{.UserEmail}}/*.request'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
- pattern: '**/{{.UserEmail}}/*.response'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
"""


class SyftEvents:
    """An app: its endpoints, its watches and its state.

    Each request and each event is served by a fresh copy of what the start of the program left
    in memory. `state` is kept from one to the next, and memory where the app asks for it.
    """

    def __init__(
        self,
        app_name: str,
        publish_schema: bool = True,
        client: Optional[Client] = None,
        debug_mode: bool = False,
        cleanup_expiry: str = "30d",
        cleanup_interval: str = "1h",
    ):
        self.app_name = app_name
        self.schema = publish_schema
        self.client = client or Client.load()
        self.debug_mode = debug_mode
        self._state = State()
        self._endpoints: dict[str, Endpoint] = {}
        self._watches: list[Watch] = []
        self._periodic_cleanup = PeriodicCleanup(
            app_name, cleanup_interval, cleanup_expiry, client=self.client
        )
        apps.add(self)
        start.make_own_folder(app_name)

    @property
    def app_dir(self) -> Path:
        return self.client.own_app_data(self.app_name)

    @property
    def app_rpc_dir(self) -> Path:
        return self.app_dir / "rpc"

    @property
    def state(self) -> State:
        """What the app keeps from one call to the next."""
        return self._state

    @state.setter
    def state(self, values) -> None:
        self._state.replace(values)

    def on_request(
        self, endpoint: str, auto_decrypt: bool = True, encrypt_reply: bool = False
    ) -> Callable:
        """Binds a function to the requests at an endpoint. The host opens encrypted requests,
        and encrypts the answers if that is said here."""

        def register(function: Callable) -> Callable:
            bound = Endpoint(endpoint, function, encrypt_reply)
            other = self._endpoints.get(bound.path)
            if other is not None and other.function is not function:
                raise ValueError(
                    f"two handlers for {bound.path}: {other.name} and {bound.name}"
                )
            self._endpoints[bound.path] = bound
            return function

        return register

    def include_router(self, router: EventRouter, *, prefix: str = "") -> None:
        """Adds the endpoints of a router, each with the prefix before it."""
        for endpoint, function in router.routes.items():
            self.on_request(f"{prefix}{endpoint}")(function)

    def watch(
        self,
        glob_path: Union[str, List[str]],
        event_filter: Optional[List[Type[FileSystemEvent]]] = None,
    ) -> Callable:
        """Binds a function to changes of the files that match."""

        def register(function: Callable) -> Callable:
            kinds = DEFAULT_WATCH_EVENTS if event_filter is None else event_filter
            self._watches.append(Watch(glob_path, kinds, function))
            return function

        return register

    def get_handler(self, endpoint: Any) -> Optional[Callable]:
        """Returns the function that is bound to an endpoint, given by its folder or name."""
        path = str(endpoint).removeprefix(str(self.app_rpc_dir))
        bound = self._endpoints.get("/" + path.strip("/"))
        return bound and bound.function

    # What serves is the host. These say so and return.

    def init(self) -> None:
        pass

    def start(self, process_pending_requests: bool = True) -> None:
        alone.has_started = True
        self._periodic_cleanup.start()

    def run_forever(self) -> None:
        self.start()

    def stop(self) -> None:
        self._periodic_cleanup.stop()

    def process_pending_requests(self) -> None:
        pass

    def publish_schema(self) -> None:
        for endpoint in self._endpoints.values():
            generate_schema(endpoint.function)

    def set_debug_mode(self, enabled: bool) -> None:
        """Notes it. Whether callers see errors is for the owner to say: `--debug`."""
        self.debug_mode = enabled

    def is_cleanup_running(self) -> bool:
        return self._periodic_cleanup.is_running()

    def get_cleanup_stats(self) -> CleanupStats:
        return self._periodic_cleanup.get_stats()
