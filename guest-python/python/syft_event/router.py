"""Endpoints in groups."""

from __future__ import annotations

from typing import Callable


class EventRouter:
    """Holds endpoints until `SyftEvents.include_router` adds them to an app."""

    def __init__(self):
        self.routes: dict[str, Callable] = {}

    def on_request(self, endpoint: str, *_, **__) -> Callable:
        """Binds a function to an endpoint, below the prefix that the router gets."""

        def register(function: Callable) -> Callable:
            if endpoint in self.routes and self.routes[endpoint] is not function:
                raise ValueError(f"the router has two handlers for {endpoint!r}")
            self.routes[endpoint] = function
            return function

        return register
