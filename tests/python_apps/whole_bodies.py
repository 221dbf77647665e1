"""In the way of the release: each parameter gets the whole body, by its type."""

import dataclasses
import enum
import typing

from syft_event import Request, Response, SyftEvents

box = SyftEvents("whole_bodies")


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@dataclasses.dataclass
class Item:
    name: str
    count: int = 1
    size: Size = Size.SMALL


@dataclasses.dataclass
class Order:
    """What somebody buys."""

    items: list[Item]
    note: typing.Optional[str] = None


@box.on_request("/text")
def text(message: str) -> str:
    return message.upper()


@box.on_request("/any")
def any_(value: typing.Any):
    return value


@box.on_request("/dict")
def dict_(data: dict) -> dict:
    return {"keys": list(data)}


@box.on_request("/order")
def order(order: Order) -> dict:
    """Counts what is in an order."""
    large = [item.name for item in order.items if item.size is Size.LARGE]
    return {"count": sum(item.count for item in order.items), "large": large, "note": order.note}


@box.on_request("/request")
def request(request: Request) -> Response:
    headers = {"X-Sender": request.sender, "X-Method": request.method}
    return Response(body=request.body, headers=headers)


@box.on_request("/app")
def app(box: SyftEvents, request: Request):
    return {"app": box.app_name, "owner": box.client.email, "caller": request.sender}


@box.on_request("/typed")
def typed(
    a: int,
    b: typing.Literal["x", "y"],
    c: typing.Union[int, str],
    d: "list[float]",
    e: typing.Dict[str, int],
    f: int | None,
    g: bytes = b"g",
    h: Item = Item("h"),
):
    return [repr(it) for it in (a, b, c, d, e, f, g, h)]


box.run_forever()
