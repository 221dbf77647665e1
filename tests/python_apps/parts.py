"""A program whose app has a name of two parts."""

from syft_core import Client
from syft_event import EventRouter, SyftEvents

box = SyftEvents("llm/x")
client = Client.load()
AT_START = client.app_data("llm/x") / "notes" / "f.txt"

chat = EventRouter()


@box.on_request("/hello")
def hello(name: str = "World") -> str:
    return f"Hello, {name}!"


@chat.on_request("/ask")
def ask(question: str) -> dict:
    return {"app": box.app_name, "question": question}


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
