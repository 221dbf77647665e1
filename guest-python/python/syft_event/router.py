"""Endpoints in groups."""

from __future__ import annotations

from typing import Callable


class EventRouter:
    """Holds endpoints until `SyftEvents.include_router` adds them to an app."""

    def __init__(self):
        self.routes: dict[str, Callable] = {}

    def on_request(self, endpoint: str) -> Callable:
        """Binds a function to an endpoint, below the prefix that the router gets. Of several the
        last counts."""

        def register(function: Callable) -> Callable:
            self.routes[endpoint] = function
            return function

        return register
