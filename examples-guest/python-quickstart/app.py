"""Greets, counts and calculates: a program of SyftEvent, run as it is."""

from syft_event import Response, SyftEvents
from syft_rpc.protocol import SyftStatus

box = SyftEvents("quickstart")
box.state["greeted"] = 0


@box.on_request("/hello")
def hello(name: str = "World") -> str:
    """Greets by name."""
    box.state["greeted"] += 1
    return f"Hello, {name}!"


@box.on_request("/greeted")
def greeted() -> dict:
    """Tells how often it greeted."""
    return {"greeted": box.state["greeted"]}


@box.on_request("/calculate")
def calculate(a: int, b: int, operation: str = "add") -> int:
    """Adds or multiplies."""
    if operation == "add":
        return a + b
    if operation == "multiply":
        return a * b
    raise ValueError(f"unsupported operation {operation!r}")


@box.on_request("/divide")
def divide(a: float, b: float) -> Response:
    """Divides, and says so where it cannot be done."""
    if b == 0:
        return Response(body={"error": "b is zero"}, status_code=SyftStatus.BAD_REQUEST)
    return Response(body={"quotient": a / b})


if __name__ == "__main__":
    box.run_forever()
