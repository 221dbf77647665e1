"""What one of the guests does, served by the released syft-event.

The argument says which. What is not measured is not registered: each endpoint has a
watcher of its own, and each watch sees all that happens below the datasites.
"""

import asyncio
import sys

from pydantic import BaseModel
from syft_event import Request, Response, SyftEvents

box = SyftEvents("bench")


class Person(BaseModel):
    name: str = "World"


class Nap(BaseModel):
    ms: int


class Work(BaseModel):
    text: str
    rounds: int


class Step(BaseModel):
    key: str
    delta: int


def hello(person: Person) -> str:
    return f"Hello, {person.name}!"


async def sleep(nap: Nap) -> str:
    await asyncio.sleep(nap.ms / 1000)
    return "slept"


def checksum(work: Work) -> str:
    text, hash = work.text.encode(), 0xCBF29CE484222325
    for _ in range(work.rounds):
        for byte in text:
            hash = (hash ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{hash:016x}"


def echo(request: Request) -> Response:
    return Response(body=request.body)


def increment(step: Step) -> str:
    box.state[step.key] = box.state.get(step.key, 0) + step.delta
    return str(box.state[step.key])


def copy(event) -> None:
    with open(event.src_path, "rb") as file:
        content = file.read()
    with open(event.src_path.replace("copy.txt", "copied.txt"), "wb") as file:
        file.write(content)


what = sys.argv[1]
if what == "copy":
    box.watch("{datasite}/public/*copy.txt")(copy)
else:
    handlers = [hello, sleep, checksum, echo, increment]
    box.on_request(f"/{what}")({it.__name__: it for it in handlers}[what])

print("ready", flush=True)
box.run_forever()
