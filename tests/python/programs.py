"""Calls of programs that are written in Python, by the released client."""

import importlib.metadata
import json
import re
import sqlite3
import time
from pathlib import Path

from peer import APP, CALLER, OWNER, PATIENCE, RPC, behaviour, call, main

FAILED = b"Internal server error. Please try again later."


def answered(endpoint, body=None, **options):
    """Returns the body of an answer that is none of an error."""
    response = call(endpoint, body, **options)
    assert response.status_code == 200, (endpoint, body, response)
    return response.body


def told(endpoint, body=None, **options):
    return json.loads(answered(endpoint, body, **options))


def refused(endpoint, body=None):
    response = call(endpoint, body)
    assert response.status_code == 400, (endpoint, body, response)
    prefix, _, reason = response.body.decode().partition(": ")
    assert prefix == "Invalid request schema", response
    return reason


def fails(endpoint, body=None):
    response = call(endpoint, body)
    assert (response.status_code, response.body) == (500, FAILED), (endpoint, body, response)


# The programs of SyftEvent's README, as it has them.


@behaviour
def write_the_programs_of_the_readme(folder):
    readme = importlib.metadata.metadata("syft-event").get_payload()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    programs = [block for block in blocks if re.search(r'^box = SyftEvents\(', block, re.M)]
    for program in programs:
        if "import SyftEvents" not in program:
            # One of them shows the app's state, and leaves this to the reader.
            program = f"from syft_event import SyftEvents\n\n{program}"
        name = re.search(r'SyftEvents\(\s*"(\w+)"', program)[1]
        name = "cleanup" if "cleanup_expiry" in program else name
        (Path(folder) / f"{name}.py").write_text(program)


@behaviour
def readme_quick_start():
    assert APP == "my_app"
    assert answered("hello", {"name": "Ada"}) == b"Hello, Ada!"
    assert answered("hello", "World") == b"Hello, World!"
    assert answered("calculate", {"a": 2, "b": 3}) == b"5"
    assert answered("calculate", {"a": 2, "b": 3, "operation": "multiply"}) == b"6"
    assert answered("calculate", {"b": 3, "a": 2, "more": 1}) == b"5"
    fails("calculate", {"a": 2, "b": 3, "operation": "divide"})
    assert refused("calculate", {"a": 2}) == "parameter `b` is missing"
    assert refused("calculate", {"a": "2", "b": 3}) == "parameter `a`: expected int, got str"
    assert refused("calculate", {"a": True, "b": 3}) == "parameter `a`: expected int, got bool"
    assert refused("hello", {"name": 5}) == "parameter `name`: expected str, got int"
    schema = json.loads((RPC / "rpc.schema.json").read_text())
    assert list(schema) == ["/hello", "/calculate"]
    operation = schema["/calculate"]["args"]["operation"]
    assert (operation["type"], operation["required"]) == ("str", False), schema


@behaviour
def readme_routers():
    profile = {"user_id": "7", "name": "John Doe"}
    assert told("api/v1/users/profile", {"user_id": "7"}) == profile
    assert told("api/v1/users/settings", {"user_id": "7"})["theme"] == "dark"


@behaviour
def readme_async():
    expected = {"task_id": "t", "status": "completed"}
    assert told("async-task", {"task_id": "t"}) == expected


@behaviour
def readme_response():
    response = call("custom-response")
    assert response.status_code == 201, response
    assert response.headers == {"X-Custom-Header": "value"}
    assert response.body == b'{"message":"Custom response"}'


@behaviour
def readme_state(first):
    for expected in range(int(first), int(first) + 3):
        assert told("increment") == {"counter": expected}


# Our own.


@behaviour
def quickstart():
    assert answered("hello") == b"Hello, World!"
    assert answered("hello", {"name": "Ada"}) == b"Hello, Ada!"
    assert answered("hello", {}) == b"Hello, World!"
    assert told("greeted") == {"greeted": 3}
    assert answered("calculate", {"a": 6, "b": 7, "operation": "multiply"}) == b"42"
    assert told("divide", {"a": 1, "b": 4}) == {"quotient": 0.25}
    assert call("divide", {"a": 1, "b": 0}).status_code == 400


@behaviour
def whole_bodies():
    assert answered("text", '{"other": 1}') == b'{"OTHER": 1}'
    assert answered("text", {"message": "by name"}) == b"BY NAME"
    assert answered("text") == b""
    assert told("dict", {"a": 1, "data": {}}) == {"keys": ["a", "data"]}
    assert told("dict", {"data": {"by": "name"}}) == {"keys": ["by"]}
    items = [{"name": "tea", "count": 2, "size": "l"}, {"name": "cup"}]
    expected = {"count": 3, "large": ["tea"], "note": None}
    assert told("order", {"items": items}) == expected
    assert told("order", {"order": {"items": items}}) == expected
    assert "missing 1 required positional argument: 'items'" in refused("order", {})
    assert refused("order", {"items": [{"name": 1}]}) == "parameter `name`: expected str, got int"
    assert "unexpected keyword argument 'x'" in refused("order", {"items": [], "x": 1})
    assert refused("order", "x") == "Expecting value: line 1 column 1 (char 0)"
    response = call("request", b"\xff\x00", method="PUT")
    assert response.body == b"\xff\x00"
    assert response.headers["X-Sender"] == CALLER
    assert told("app") == {"app": "whole_bodies", "owner": OWNER, "caller": CALLER}
    given = {"a": 1, "b": "y", "c": "c", "d": [1, 2.5], "e": {"e": 1}, "f": None}
    assert told("typed", given) == [
        *("1", "'y'", "'c'", "[1.0, 2.5]", "{'e': 1}", "None", "b'g'"),
        "Item(name='h', count=1, size=<Size.SMALL: 's'>)",
    ]
    assert told("typed", {**given, "h": {"name": "i"}, "g": "ü"})[-2] == repr("ü".encode())
    assert refused("typed", {**given, "b": "z"}) == "parameter `b`: expected one of 'x', 'y'"
    assert refused("typed", {**given, "d": ["1"]}) == "parameter `d[0]`: expected float, got str"
    assert refused("typed", [1]).startswith("the body must be a JSON object with `a`, `b`")
    # Python's parser would take the whole component down.
    too_deep = "the body is nested deeper than 500"
    for bodies in ("[" * 100_000, '{"a":' * 501 + "1" + "}" * 501):
        assert refused("dict", bodies) == too_deep
        assert refused("typed", bodies) == too_deep
        assert refused("any", bodies) == too_deep
        assert answered("text", bodies) == bodies.upper().encode(), "it is no JSON to this one"
    deep = "[" * 500 + "]" * 500
    assert json.loads(answered("any", deep)) == json.loads(deep)
    brackets = ["]\\[{\"" * 1_000]
    assert json.loads(answered("any", brackets)) == brackets


@behaviour
def python_works_in_the_sandbox():
    first, second = told("random"), told("random")
    assert not set(first) & set(second), (first, second)
    assert told("time")["time"] > 1_700_000_000
    assert told("owner") == {
        "owner": OWNER,
        "is_owner": True,
        "is_not": False,
        "public": f"/datasites/{OWNER}/public",
        "app": f"/datasites/{OWNER}/app_data/{APP}",
        "settings": {"volume": 11},
        "greeting": f"Dear {OWNER}",
        "package": 5,
    }
    naps = [*range(20), "late", "late"]
    assert told("asyncio") == {"naps": naps, "sum": 3, "is_quick": True}
    assert answered("loop") == b"rested"
    fails("forever")
    assert told("threads") == [1, 4, 9]
    assert answered("sleep_and_loop") == b"11"
    assert told("late") == [1.5, "wave", "better than never", "2024-01-01 00:00:00"]
    assert answered("log") is None
    assert told("environment") == []


@behaviour
def files_are_those_that_were_granted():
    folder = RPC.parents[2] / "public"
    folder.mkdir()
    (folder / "a.txt").write_text("note")
    assert told("read", {"name": "a.txt"}) == {"texts": ["note", "note"], "names": ["a.txt"]}
    fails("read", {"name": "../app_data/x"})
    fails("write", {"name": "b.txt"})
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


@behaviour
def a_call_that_fails_leaves_no_half_written_file():
    files = RPC.parent / "ledger.db", RPC.parent / "ledger.txt"

    def fails_in_each_way():
        for end in ["an error", "an exit", "no memory", "no time"]:
            fails("ledger", {"name": "lost", "end": end})

    fails_in_each_way()
    assert not any(file.exists() for file in files)
    assert told("ledger", {"name": "a"}) == [["a"], ["the name is a"]]
    before = [file.read_bytes() for file in files]
    fails_in_each_way()
    assert [file.read_bytes() for file in files] == before
    assert told("ledger", {"name": "b"}) == [["a", "b"], ["the name is a", "the name is b"]]
    database = sqlite3.connect(files[0])
    assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert sorted(path.name for path in RPC.parent.glob("ledger*")) == ["ledger.db", "ledger.txt"]


@behaviour
def state_is_a_dict_that_lasts():
    def state(do, **arguments):
        return told("state", {"do": do, **arguments})

    assert state("append", value=1) == [1]
    assert state("append", value={"a": [None]}) == [1, {"a": [None]}]
    assert state("set", key="a", value="ü") == {"'seen'": "[1, {'a': [None]}]", "'a'": "'ü'"}
    fails("state", {"do": "set and fail", "key": "a", "value": 2})
    fails("state", {"do": "set a function", "key": "a"})
    assert state("show")["'a'"] == "'ü'"
    assert state("delete", key="seen") == {"'a'": "'ü'"}
    fails("state", {"do": "delete", "key": "seen"})
    fails("state", {"do": "append", "value": 1})
    assert state("show") == {"'a'": "'ü'"}
    assert state("methods") == [1, 0, True, 3, 2]
    assert state("odd") == {"'a'": "'ü'", "'y'": "2", "('a', 1)": "{1, 2}"}
    assert state("clear") == {}
    assert state("show") == {}
    assert state("set", key="seen", value=[5]) == {"'seen'": "[5]"}


@behaviour
def what_the_sandbox_lacks_is_a_failure():
    for endpoint in ["exit", "end", "recurse", "memory", "connect", "run"]:
        fails(endpoint)
    assert answered("loop") == b"rested"


@behaviour
def watches_are_told_of_each_kind_of_event():
    public = RPC.parents[2] / "public"
    public.mkdir()
    there = f"/datasites/{OWNER}/public"

    def waits_for(event):
        deadline = time.monotonic() + PATIENCE
        while event not in (seen := told("seen")):
            assert time.monotonic() < deadline, (event, seen)
            time.sleep(0.02)

    (public / "a.txt").write_text("one")
    waits_for(["FileCreatedEvent", f"{there}/a.txt", "", "one"])
    (public / "a.txt").write_text("two words")
    waits_for(["FileModifiedEvent", f"{there}/a.txt", "", "two words"])
    (public / "a.txt").rename(public / "b.txt")
    waits_for(["FileMovedEvent", f"{there}/a.txt", f"{there}/b.txt", "two words"])
    (public / "b.txt").unlink()
    waits_for(["FileDeletedEvent", f"{there}/b.txt", "", None])
    assert len(told("seen")) == 4

    (public / "c.once").write_text("")
    answered("get_ready")
    waits_for("once")
    assert told("seen").count("once") == 1, "those that failed left nothing"


if __name__ == "__main__":
    main(600)
