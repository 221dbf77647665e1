"""Calls of programs that use libraries, by the released client."""

import json

from peer import CALLER, RPC, behaviour, call, main
from programs import refused, told

HELLO = ["hello of 1", "hello", "of", "1"]


@behaviour
def each_library_does_something():
    person = {"name": "Ada", "email": "ada@Example.com"}
    assert answer_of("pydantic", person) == "email ada@example.com"
    assert "An email address must have an @-sign" in refused("pydantic", {"name": "A", "email": "a"})
    assert told("openai", {"text": "hello"}) == HELLO
    assert told("openai-async", {"text": "hello"}) == ["hello of 1", "NotFoundError", 404]
    assert answer_of("yaml", {"text": "b: [1, 2.5, null]\na: é\n"}) == (
        'a: "\\xE9"\nb:\n- 1\n- 2.5\n- null\n'
    )
    assert answer_of("jinja2", {"names": ["Ada", "<b>"]}) == (
        "1 Ada;2 &lt;b&gt;;<p>Ada, &lt;b&gt;</p>"
    )
    assert answer_of("flask", {}) == "<p>7 &amp; more</p>"
    assert told("requests") == told("httpx") == {"name": "Ada"}


def answer_of(endpoint, body):
    response = call(endpoint, body)
    assert response.status_code == 200, response
    return response.text()


@behaviour
def chats_are_remembered():
    first = told("ask", {"text": "hello"})
    assert first == {"text": "hello of 1", "model": "small", "n_messages": 2}
    again = told("ask", {"text": "and now?"})
    assert again == {"text": "and now? of 3", "model": "small", "n_messages": 4}
    assert "String should have at least 1 character" in refused("ask", {"text": ""})
    failed = call("ask", {"text": "fail"})
    assert (failed.status_code, failed.json()) == (502, {"error": "the model is not found"})
    assert told("forget") == {"forgotten": 4}
    assert told("ask", {"text": "hello"}) == first


@behaviour
def notes_are_kept():
    drafted = {"title": "milk", "tags": ["Shop ", "shop", "now"]}
    response = call("notes/create", drafted)
    note = response.json()
    changed = note.pop("changed")
    assert changed.endswith("Z"), changed
    expected = {"title": "milk", "text": "", "tags": ["now", "shop"], "id": 1, "author": CALLER}
    assert (response.status_code, note) == (201, expected)
    assert "Field required" in refused("notes/create", {"text": "t"})
    assert call("notes/create", {"title": "bread"}).json()["id"] == 2
    updated = told("notes/update", {"id": 1, "text": "two"})
    assert (updated["title"], updated["text"]) == ("milk", "two")
    assert updated["changed"] > changed
    assert told("notes/read", {"id": 1}) == updated
    assert [note["id"] for note in told("notes/list", {})] == [1, 2]
    assert [note["id"] for note in told("notes/list", {"tag": "shop"})] == [1]
    assert call("notes/delete", {"id": 1}).status_code == 204
    for endpoint in ("read", "update", "delete"):
        missing = call(f"notes/{endpoint}", {"id": 1})
        assert (missing.status_code, missing.json()) == (404, {"error": "there is no note 1"})
    schema = json.loads((RPC / "rpc.schema.json").read_text())
    draft = schema["/notes/create"]["args"]["draft"]["type"]
    assert (draft["type"], draft["name"]) == ("model", "Draft"), draft


if __name__ == "__main__":
    main()
