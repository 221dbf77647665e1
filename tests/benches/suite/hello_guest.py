"""The `/hello` of examples-guest/hello, as a program that runs in the sandbox."""

import dataclasses

from syft_event import SyftEvents

box = SyftEvents("hello")


@dataclasses.dataclass
class Person:
    name: str = "World"


@box.on_request("/hello")
def hello(person: Person) -> str:
    return f"Hello, {person.name}!"


box.run_forever()
