"""The `/hello` of examples-guest/hello, served by the released syft-event."""

from pydantic import BaseModel
from syft_event import SyftEvents

box = SyftEvents("hello")


class Person(BaseModel):
    name: str = "World"


@box.on_request("/hello")
def hello(person: Person) -> str:
    return f"Hello, {person.name}!"


print("ready", flush=True)
box.run_forever()
