"""The same as `hello_guest.py`, with a model of pydantic as `peer.py` has it."""

from pydantic import BaseModel
from syft_event import SyftEvents

box = SyftEvents("hello")


class Person(BaseModel):
    name: str = "World"


@box.on_request("/hello")
def hello(person: Person) -> str:
    return f"Hello, {person.name}!"


box.run_forever()
