"""The arguments of a handler."""

from __future__ import annotations

from typing import Any, Callable, Dict

from syft_guest.arguments import Arguments

from .types import Request


def func_args_from_request(func: Callable, request: Request, app: Any) -> Dict[str, Any]:
    """Returns the arguments of a function for a request, by name."""
    args, kwargs = Arguments(func, Request, type(app)).bind(request, app)
    if args:
        raise TypeError("a positional-only parameter has no name")
    return kwargs
