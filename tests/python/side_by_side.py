"""The same requests to us and to a running SyftEvent."""

import json
import os
import time
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import stock
from peer import APP, CALLER, OWNER, PATIENCE, RPC, behaviour, main, request


def ask_both(app, endpoint, request_id, content):
    """Returns our answer and that of the release, as JSON."""
    for_them = content.replace(f"/{APP}/".encode(), f"/{stock.APP}/".encode())
    ours = put(RPC, endpoint, request_id, content)
    theirs = put(app.app_rpc_dir, endpoint, request_id, for_them)
    return read(ours), read(theirs)


def put(rpc, endpoint, request_id, content):
    """Writes whole, unlike the released client: the released server would take half
    a request for a malformed one. Returns where the answer is to be."""
    folder = rpc / endpoint / CALLER
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{request_id}.tmp"
    temporary.write_bytes(content)
    path = folder / f"{request_id}.request"
    os.replace(temporary, path)
    return path.with_suffix(".response")


def read(path):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.01)
    raise AssertionError(f"no answer {path}")


def shown(answer):
    """Returns an answer as pairs in order, without what cannot be the same."""
    created = datetime.fromisoformat(answer["created"])
    # On a whole second there are no digits behind it.
    assert answer["created"] == created.isoformat(), answer
    answer["created"] = created.utcoffset()
    answer["url"] = answer["url"].replace(f"/{stock.APP}/", f"/{APP}/")
    return list(answer.items())


def body(answer):
    return urlsafe_b64decode(answer["body"]).decode()


def well_formed():
    late = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
    for sent in [{}, {"body": ""}, {"body": "-_-_"}, {"body": "+/+/"}, {"body": "YQ"}]:
        yield "echo", sent
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]:
        yield "echo", {"method": method}
    yield "echo", {"headers": {"Z": "1", "a": "ü\u2028\x7f\b", "": "\"\\/"}}
    yield "echo", {"expires": "2999-01-01T00:00:00Z"}
    yield "echo", {"expires": 4102444800}
    yield "echo", {"expires": late}
    yield "fail", {"expires": late}
    for endpoint in ["headers", "dict", "refuse", "text", "deep/er", "fail"]:
        yield endpoint, {}
    yield "text", {"body": "aMOpbGxvIDw-Lz9-fn7Dvw=="}
    here = f"syft://{OWNER}/app_data/{APP}/rpc"
    yield "deep/er", {"url": f"{here}/deep/er?a=1#ü"}
    yield "deep/er", {"url": f"{here}/deep/er/"}


@behaviour
def answers_are_the_same():
    app = stock.app()
    app.start()
    for endpoint, fields in well_formed():
        sent = request(endpoint, **fields)
        answers = ask_both(app, endpoint, sent["id"], json.dumps(sent).encode())
        ours, theirs = map(shown, answers)
        assert ours == theirs, f"{endpoint} {fields}\nours:   {ours}\ntheirs: {theirs}"
    app.stop()


@behaviour
def refusals_differ_in_their_reasons_only():
    app = stock.app()
    app.start()
    echo, text = request("echo"), request("text", body="_w==")
    for endpoint, content in [
        ("echo", b"{bad"),
        ("echo", b"[]"),
        ("echo", json.dumps({**echo, "headers": None}).encode()),
        ("echo", json.dumps({**echo, "method": "OPTIONS"}).encode()),
        ("deep/er", json.dumps({"id": "x"}).encode()),
        ("text", json.dumps(text).encode()),
    ]:
        request_id = text["id"] if endpoint == "text" else uuid4()
        ours, theirs = ask_both(app, endpoint, request_id, content)
        first, _, reason = body(ours).partition(": ")
        assert first == body(theirs).partition(": ")[0] and reason, (content, ours, theirs)
        for answer in (ours, theirs):
            lasts = datetime.fromisoformat(answer["expires"]) - datetime.now(timezone.utc)
            answer["expires"] = round(lasts / timedelta(minutes=5))
            answer["body"] = first
        # The release takes the sender's folder for a part of the endpoint.
        theirs["url"] = theirs["url"].removesuffix(f"/{CALLER}")
        assert shown(ours) == shown(theirs), f"{content}\nours:   {ours}\ntheirs: {theirs}"
    app.stop()


if __name__ == "__main__":
    main()
