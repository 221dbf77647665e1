"""Handlers of what becomes of messages, for which no call waits.

    from syft_guest import on_reply

    @on_reply
    def scored(reply):
        if reply.outcome == "answered":
            box.state[reply.context] = reply.response.json()

    @box.on_request("/ask")
    def ask(name: str):
        rpc.send(url, body=name, on_reply=scored, context=name)
"""

import dataclasses
import inspect
from typing import Any
from uuid import UUID

from syft_guest import state

_handlers = {}


@dataclasses.dataclass(frozen=True)
class Reply:
    """What became of a message."""

    # The id of the message: that of its future.
    id: UUID
    # To where the message went.
    url: str
    # `answered`, `expired` or `rejected`.
    outcome: str
    # The answer. Without one it says why, with status 419 or 403, as that of a future does.
    response: Any
    # What the message was sent with for its handler.
    context: Any
    # 1, or more where the handler failed before.
    attempt: int


def on_reply(function, name=None):
    """Has a function take what becomes of messages that are sent with `on_reply=` and this
    function: once for each, in a call of its own, also after a restart and when time is up.

    Messages on their way know it by its name. A function that gets another name keeps the one that it
    had with `@on_reply("name")`.
    """
    if isinstance(function, str):
        return lambda decorated: on_reply(decorated, function)
    if not inspect.isfunction(function):
        raise TypeError("@on_reply is written above a function, alone or with a name in parentheses")
    name = name or function.__name__
    other = _handlers.get(name, function)
    if other.__code__ is not function.__code__:
        raise ValueError(f"two handlers of replies have the name {name}")
    _handlers[name] = function
    return function


def name_of(function):
    """Returns the name by which a handler is found again."""
    if callable(function):
        # Another decorator may be above ours.
        wanted = inspect.unwrap(function)
        for name, known in _handlers.items():
            if inspect.unwrap(known) is wanted:
                return name
    raise ValueError(f"on_reply={function!r} is no handler of replies: write @on_reply above it")


def handler(name):
    found = _handlers.get(name)
    if found is None:
        raise LookupError(
            f"the program has no handler of replies with the name {name}: it may have had one "
            "when the message was sent"
        )
    return found


def handlers():
    return list(_handlers.items())


def clear():
    _handlers.clear()


def take(message_id, url, name, context, outcome, attempt=1):
    """Hands what became of a message to the handler of a name."""
    # Not before: `syft_guest` itself brings this module, and comes before what these stand on.
    from syft_guest import loop
    from syft_rpc.protocol import response_to

    function = handler(name)
    message_id = UUID(message_id)
    reply = Reply(
        id=message_id,
        url=url,
        outcome=outcome.name,
        response=response_to(message_id, url, outcome),
        context=None if context is None else state.decode(context),
        attempt=attempt,
    )
    result = function(reply)
    if inspect.isawaitable(result):
        loop.run(result)
