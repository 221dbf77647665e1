"""What `rpc.schema.json` says of a handler."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

from syft_guest.schema import released as get_type_schema

from .types import Request, Response

__all__ = ["generate_schema", "get_type_schema"]


def generate_schema(func) -> dict[str, Any]:
    """Returns the entry of a handler."""
    hints = get_type_hints(func)
    parameters = inspect.signature(func).parameters.items()
    args = {
        name: {
            "type": get_type_schema(hints.get(name, Any)),
            "required": parameter.default is parameter.empty,
        }
        for name, parameter in parameters
        if hints.get(name, Any) is not Request
    }
    returns = hints.get("return", Any)
    return {
        "description": inspect.getdoc(func),
        "args": args,
        "returns": get_type_schema(Any if returns is Response else returns),
    }
