"""The same program under the released SyftEvent and in the sandbox, asked the same."""

import json
import os
import runpy
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from loguru import logger
from peer import APP, OWNER, RPC, behaviour, call, main, request
from side_by_side import put, read
from syft_event import SyftEvents

DIES = "no answer"


def stock_app(program):
    """Returns the program's app under the release, which answers when it is told to."""
    data = Path("stock").absolute()
    (data / "datasites").mkdir(parents=True)
    config = {
        "data_dir": str(data),
        "email": OWNER,
        "server_url": "http://127.0.0.1:9/",
        "client_url": "http://127.0.0.1:9/",
    }
    path = Path("stock.json").absolute()
    path.write_text(json.dumps(config))
    os.environ["SYFTBOX_CLIENT_CONFIG_PATH"] = str(path)
    SyftEvents.run_forever = lambda self: None
    return runpy.run_path(program, run_name="__main__")["box"]


def rows(table):
    """Yields the name of each request with its endpoint and the fields of its message."""
    bodies = table["bodies"]
    for endpoint in table["each_body_to"]:
        for name, body in bodies.items():
            yield f"{endpoint} {name}", endpoint, {"body": encoded(body)}
    for endpoint in table["by_name_to"]:
        for name in table["by_name"]:
            yield f"{endpoint} {name}", endpoint, {"body": encoded(bodies[name])}
    for endpoint in table["once_to"]:
        yield endpoint, endpoint, {"body": None}
    for name, endpoint, fields in table["odd"]:
        yield f"{endpoint} {name}", endpoint, fields


def encoded(body):
    if body is None:
        return None
    # A body that is no text is given in hex.
    content = bytes.fromhex(body["hex"]) if isinstance(body, dict) else body.encode()
    return urlsafe_b64encode(content).decode()


def theirs(app, endpoint, message):
    """Lets the release answer. Where it raises, its thread would have ended."""
    path = put(app.app_rpc_dir, endpoint, message["id"], json.dumps(message).encode())
    try:
        app.process_pending_requests()
    except BaseException:
        path.with_suffix(".request").unlink()
        return DIES
    return shown(json.loads(path.read_text(encoding="utf-8")))


def shown(answer):
    """Returns what a caller sees of an answer."""
    body = answer["body"]
    if body is not None:
        body = urlsafe_b64decode(body).decode(errors="backslashreplace")
    return [answer["status_code"], answer["headers"], body]


def difference(ours, theirs):
    status = theirs if theirs == DIES else theirs[0]
    return f"{status} -> {ours[0]}"


def described(path):
    """Returns a schema without what the release does not say."""
    schema = json.loads(path.read_text())
    for entry in schema.values():
        entry.pop("returns_schema", None)
        for argument in entry["args"].values():
            argument.pop("schema", None)
    return json.dumps(schema, indent=1)


@behaviour
def the_schema_is_that_of_the_release(program):
    logger.remove()
    app = stock_app(program)
    app.publish_schema()
    ours, theirs = (described(rpc / "rpc.schema.json") for rpc in (RPC, app.app_rpc_dir))
    assert ours == theirs, f"ours: {ours}\ntheirs: {theirs}"


@behaviour
def answers_differ_only_where_they_should(program, cases):
    logger.remove()
    table = json.loads((Path(cases) / "requests.json").read_text(encoding="utf-8"))
    listed = json.loads((Path(cases) / "differences.json").read_text(encoding="utf-8"))
    app = stock_app(program)
    assert app.app_name == APP, app.app_name
    sent = []
    for name, endpoint, fields in rows(table):
        message = request(endpoint, **fields)
        path = put(RPC, endpoint, message["id"], json.dumps(message).encode())
        sent.append((name, endpoint, message, path))
    assert len({name for name, *_ in sent}) == len(sent) >= 80, len(sent)

    found, wrong = {}, []
    for name, endpoint, message, path in sent:
        their, our = theirs(app, endpoint, message), shown(read(path))
        if our != their:
            found[name] = difference(our, their)
            wrong.append((name, found[name], their, our))
    expected = {
        name: change for row in listed for name, change in row["cases"].items()
    }
    assert all(row["reason"] for row in listed)
    if os.environ.get("SHOW_DIFFERENCES"):
        Path(os.environ["SHOW_DIFFERENCES"]).write_text(json.dumps(wrong, indent=1, ensure_ascii=False))
    unlisted = [row for row in wrong if expected.get(row[0]) != row[1]]
    gone = {name: change for name, change in expected.items() if found.get(name) != change}
    print(f"{len(sent)} requests, {len(sent) - len(found)} equal, {len(found)} differ as listed")
    assert not unlisted, "not listed:\n" + "\n".join(map(str, unlisted[:20]))
    assert not gone, f"listed, and no difference: {gone}"


@behaviour
def calls_leave_the_same_behind(program):
    """Sends requests one after the other, each of which sees what those before it left."""
    logger.remove()
    app = stock_app(program)
    for endpoint, body in (
        ("who", None),
        ("remember", {"text": "a"}),
        ("remember", {"text": "bb"}),
        ("remember", {"text": "a"}),
        ("remember", {"text": "ccc"}),
        ("join", {"room": "lobby", "user": "ada"}),
        ("join", {"room": "new", "user": "ada"}),
        ("join", {"room": "new", "user": "bob"}),
        ("say", {"user": "ada", "text": "hi"}),
        ("say", {"user": "ada", "text": "again"}),
        ("say", {"user": "ada"}),
        ("number", None),
        ("number", None),
        ("add", {"text": "x"}),
        ("add", {"text": "y"}),
        ("note", {"text": "one"}),
        ("note", {"text": "two"}),
        ("temporary", {"text": "abc"}),
        ("remember", {"text": "last"}),
    ):
        message = request(endpoint, body=encoded(None if body is None else json.dumps(body)))
        path = put(RPC, endpoint, message["id"], json.dumps(message).encode())
        their, our = theirs(app, endpoint, message), shown(read(path))
        assert our == their and our[0] in (200, 400), (endpoint, body, our, their)
    # The host's begins with a comment that says where it comes from.
    rules = Path("public", "syft.pub.yaml")
    assert (RPC.parent / rules).read_text().endswith((app.app_dir / rules).read_text())


@behaviour
def each_endpoint_answers_as_under_the_release(program):
    logger.remove()
    app = stock_app(program)
    app.publish_schema()
    wrong = []
    endpoints = list(json.loads((app.app_rpc_dir / "rpc.schema.json").read_text()))
    assert len(endpoints) >= 5, endpoints
    for endpoint in endpoints:
        message = request(endpoint.strip("/"), body=None)
        path = put(RPC, endpoint.strip("/"), message["id"], json.dumps(message).encode())
        their, our = theirs(app, endpoint.strip("/"), message), shown(read(path))
        if our != their:
            wrong.append(f"{endpoint}\nours:   {our}\ntheirs: {their}")
    assert not wrong, "\n".join(wrong)


@behaviour
def an_app_of_parts_is_as_under_the_release(program):
    logger.remove()
    app = stock_app(program)
    assert APP == app.app_name == "llm/x", APP
    parts = Path(OWNER, "app_data", "llm", "x", "rpc").parts
    assert RPC.parts[-5:] == app.app_rpc_dir.parts[-5:] == parts, RPC
    app.publish_schema()
    assert described(RPC / "rpc.schema.json") == described(app.app_rpc_dir / "rpc.schema.json")
    for endpoint, body in [
        ("hello", "Ada"),
        ("v1/rpc/ask", '{"question": "why"}'),
        ("v1/rpc/ask", "{}"),
        ("where", "{}"),
    ]:
        message = request(endpoint, body=encoded(body))
        ours = put(RPC, endpoint, message["id"], json.dumps(message).encode())
        their, our = theirs(app, endpoint, message), shown(read(ours))
        assert our == their, f"{endpoint} {body}\nours:   {our}\ntheirs: {their}"
    # By the released client, which makes the URL and finds the folder.
    answer = call("v1/rpc/ask", {"question": "why"})
    assert answer.status_code == 200, answer
    assert json.loads(answer.body) == {"app": "llm/x", "question": "why"}, answer
    # What is for an app around it, beside it or in it is for another.
    for other in ["llm", "llm/y", "llm/x/v1"]:
        sent = request("hello", url=f"syft://{OWNER}/app_data/{other}/rpc/hello")
        refused = read(put(RPC, "hello", sent["id"], json.dumps(sent).encode()))
        assert refused["status_code"] == 400, (other, refused)


if __name__ == "__main__":
    main(600)
