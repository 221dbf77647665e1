"""A program whose app has a name of two parts."""

import json

from syft_core import Client
from syft_event import EventRouter, SyftEvents
from syft_event.types import Request

box = SyftEvents("llm/x")
client = Client.load()
AT_START = client.app_data("llm/x") / "notes" / "f.txt"

chat = EventRouter()


@box.on_request("/hello")
def hello(request: Request) -> str:
    return f"Hello, {request.body.decode()}!"


@chat.on_request("/ask")
def ask(request: Request) -> dict:
    return {"app": box.app_name, "question": json.loads(request.body)["question"]}


@box.on_request("/where")
def where() -> dict:
    own = client.app_data("llm/x")
    paths = {
        "own": own,
        "start": AT_START,
        "box": box.app_dir,
        "rpc": box.app_rpc_dir,
        "outer": client.app_data("llm"),
        "other": client.app_data("llm/x", "bob@example.org"),
    }
    shown = {name: str(path.relative_to(client.datasites)) for name, path in paths.items()}
    urls = {name: str(client.to_syft_url(path)) for name, path in paths.items()}
    return {"paths": shown, "urls": urls, "named": [own.name, own.parent.name, own.parts[-3:]]}


box.include_router(chat, prefix="/v1/rpc")
box.run_forever()
