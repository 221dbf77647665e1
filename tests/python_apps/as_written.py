"""A program as people write them: it starts with files, and remembers."""

import json
import logging
import sqlite3
import tempfile
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel
from syft_core import Client
from syft_event import SyftEvents

client = Client.load()
EMAIL = client.email
SIGNATURE = f"-- {EMAIL}"
CONFIG = {"owner": EMAIL, "data": client.my_datasite / "app_data" / "app" / "data"}
CONFIG["data"].mkdir(parents=True, exist_ok=True)

logging.basicConfig(filename="as_written.log", level=logging.INFO)
Path("notes").mkdir(exist_ok=True)
if not Path("notes/first.txt").exists():
    Path("notes/first.txt").write_text("written at the start")

database = sqlite3.connect(CONFIG["data"] / "items.db", check_same_thread=False)
database.execute("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT)")
database.commit()

box = SyftEvents("app")
(box.app_dir / "public").mkdir(exist_ok=True, parents=True)
(box.app_dir / "public" / "syft.pub.yaml").write_text(
    "rules:\n- pattern: '**'\n  access: {read: ['*']}\n"
)

history = []
calls = Counter()
by_sender = defaultdict(list)
recent = deque(maxlen=3)
total = 0


class Message(BaseModel):
    user: str
    text: str


class Text(BaseModel):
    text: str


class Joining(BaseModel):
    room: str
    user: str


@dataclass
class Room:
    name: str
    members: set = field(default_factory=set)
    messages: list = field(default_factory=list)


class Chat:
    opened = 0

    def __init__(self, app):
        self.rooms = {"lobby": Room("lobby")}
        self.owner = client.email
        app.on_request("/join")(self.join)
        app.on_request("/say")(self.say)

    def join(self, joining: Joining) -> dict:
        room, user = joining.room, joining.user
        if room not in self.rooms:
            Chat.opened += 1
            self.rooms[room] = Room(room)
        self.rooms[room].members.add(user)
        return {"members": sorted(self.rooms[room].members), "opened": Chat.opened}

    def say(self, message: Message) -> dict:
        room = self.rooms["lobby"]
        room.messages.append(message)
        return {"n": len(room.messages), "last": message.text, "owner": self.owner}


chat = Chat(box)


def numbered():
    count = 0

    def number() -> int:
        nonlocal count
        count += 1
        return count

    return number


box.on_request("/number")(numbered())


@box.on_request("/remember")
def remember(body: Text) -> dict:
    global total
    text = body.text
    total += len(text)
    history.append(text)
    calls[text] += 1
    by_sender[text[:1]].append(total)
    recent.append(text)
    return {
        "history": history,
        "calls": dict(calls),
        "by_sender": dict(by_sender),
        "recent": list(recent),
        "total": total,
    }




@box.on_request("/who")
def who() -> dict:
    return {"email": EMAIL, "signature": SIGNATURE, "json": json.dumps({"owner": CONFIG["owner"]})}


@box.on_request("/add")
def add(item: Text) -> dict:
    cursor = database.execute("INSERT INTO items (name) VALUES (?)", (item.text,))
    database.commit()
    rows = database.execute("SELECT name FROM items ORDER BY id").fetchall()
    return {"id": cursor.lastrowid, "names": [row[0] for row in rows]}


@box.on_request("/note")
def note(body: Text) -> dict:
    text = body.text
    logging.info("noted %s", text)
    with open("notes/all.txt", "a") as file:
        file.write(text + "\n")
    lines = Path("notes/all.txt").read_text().splitlines()
    names = sorted(path.name for path in Path("notes").iterdir())
    return {"lines": lines, "names": names, "first": Path("notes/first.txt").read_text()}


@box.on_request("/temporary")
def temporary(body: Text) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "file.txt"
        path.parent.mkdir()
        path.write_text(body.text)
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write(path.read_text() * 2)
            file.seek(0)
            return {"text": file.read(), "names": [it.name for it in Path(folder).iterdir()]}


if __name__ == "__main__":
    print("running")
    box.run_forever()
