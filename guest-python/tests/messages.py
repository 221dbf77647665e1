"""Messages in the SDK of Python programs by itself, against a host that is made of two functions."""

import ast
import json
import pickle
import sys
import types
import uuid
from datetime import datetime, timedelta, timezone

from sdk import HEAD, LOGGED, STORE, Bucket, answer, behaviour, calls, fresh, host, load, loaded, main
from sdk import analyse, replies, sent
from syft_guest import correspondence, receivers
from syft_rpc import rpc, rpc_db
from syft_rpc.protocol import SyftBulkFuture, SyftError, SyftFuture, SyftRequest, SyftResponse
from syft_rpc.protocol import SyftStatus, SyftTimeoutError

URL = "syft://bob@example.org/app_data/pingpong/rpc/ping"
ENDPOINT = "@box.on_request('/a')\ndef a(): pass\n"


class Host:
    """Takes messages, and tells what became of those whose end is known."""

    def __init__(self):
        self.sent = {}
        self.ends = {}
        self.waited = []
        self.left = 10.0
        host.send, host.receive, host.time_left = self.send, self.receive, lambda: self.left

    def send(self, message):
        message_id = str(uuid.uuid4())
        self.sent[message_id] = message
        return message_id

    def receive(self, ids, seconds):
        self.waited.append(seconds)
        assert len(set(ids)) == len(ids), ids
        for each in ids:
            if each not in self.sent:
                raise host.UnknownMessage("no such message", "Unknown")
        return [self.ends.get(each) for each in ids]

    def end(self, future, body=b"pong", **fields):
        fields = {"name": "answered", "status": 200, "body": body, **fields}
        self.ends[str(future.id)] = host.Outcome(**fields)


def begun():
    """Returns a host, and the app of a call that has begun."""
    STORE.clear()
    app = loaded(HEAD + ENDPOINT)
    fresh(app)
    return Host(), app


def raises(kind, function, *args, **options):
    try:
        result = function(*args, **options)
    except kind as error:
        return str(error)
    raise AssertionError(result)


@behaviour
def messages_are_sent_as_the_release_sends_them():
    there, _ = begun()
    Point = type("Point", (), {"__annotations__": {"x": int}, "x": 1})
    import dataclasses

    for body, written in [
        (None, None),
        ("é", "é".encode()),
        ("", b""),
        (b"\xff", b"\xff"),
        ({"b": 1, "a": None}, b'{"b":1,"a":null}'),
        (["é", 1], b'["\\u00e9", 1]'),
        (dataclasses.dataclass(Point)(), b'{"x":1}'),
        (5, b"5"),
        (True, b"true"),
        (SyftResponse(sender="a", url=URL), None),
    ]:
        future = rpc.send(URL, "POST", body=body, headers={"X": "1"}, expiry="30s", cache=False)
        message = there.sent[str(future.id)]
        assert (message.url, message.method, message.headers) == (URL, "POST", {"X": "1"}), message
        assert message.timeout == 30_000_000 and not message.encrypt, message
        assert written is None and body is not None or message.body == written, (body, message)
        assert future.request.sender == "owner@example.com", future.request
        assert future.request.id == future.id and future.request.expires == future.expires
    folder = "/datasites/bob@example.org/app_data/pingpong/rpc/ping/owner@example.com"
    assert str(future.request_path) == f"{folder}/{future.id}.request"
    assert str(future.response_path) == f"{folder}/{future.id}.response"
    assert str(future.rejected_path) == f"{folder}/{future.id}.syftrejected.request"
    secret = there.sent[str(rpc.send(rpc.make_url("bob@example.org", "a", "/b"), body="x", encrypt=True).id)]
    assert secret.encrypt and secret.body == b"x" and secret.method == "GET", secret
    for kind, url, options in [
        (ValueError, "syft://a@b/x", {}),
        (ValueError, URL, {"method": "get"}),
        (ValueError, URL, {"expiry": "soon"}),
        (ValueError, URL, {"headers": {"a": 1}}),
        (TypeError, URL, {"body": {1}}),
        (UnicodeDecodeError, URL, {"body": b"\xff", "encrypt": True}),
        (ValueError, URL, {"on_reply": print}),
    ]:
        count = len(there.sent)
        raises(kind, rpc.send, url, **options)
        assert len(there.sent) == count, options

    def refuse(message):
        raise host.MessageError("the app may not send to bob@example.org", "NotGranted")

    host.send = refuse
    assert "may not send" in raises(SyftError, rpc.send, URL)


@behaviour
def futures_say_what_became_of_a_message():
    there, _ = begun()
    future = rpc.send(URL, body="ping", cache=False)
    assert future.resolve() is None and not future.is_rejected
    there.end(future, headers={"X-A": "1"})
    response = future.wait()
    assert (response.status_code, response.text(), response.headers) == (200, "pong", {"X-A": "1"})
    assert (response.id, response.sender, response.url) == (future.id, "bob@example.org", URL)
    assert response.expires == future.expires and response.is_success
    for end, status, text in [
        ({"name": "expired"}, 419, f"Request with {future.id} expired on {future.expires}"),
        ({"name": "rejected", "reason": "bob takes none"}, 403, "bob takes none"),
        ({"status": 299}, 500, "Error loading response: "),
        ({"status": 404}, 404, "pong"),
    ]:
        there.end(future, **end)
        response = future.resolve()
        assert (response.status_code, response.id) == (status, future.id), (end, response)
        assert response.text().startswith(text), response
        assert future.is_rejected == ("reason" in end)
        assert "Request failed with status code" in raises(SyftError, response.raise_for_status)
    there.sent.clear()
    gone = future.resolve()
    assert (gone.status_code, gone.text()) == (404, f"Request with {future.id} not found"), gone


@behaviour
def a_wait_ends_before_the_call_does():
    there, _ = begun()
    future = rpc.send(URL, cache=False)
    assert raises(SyftTimeoutError, future.wait, timeout=2).endswith("2 seconds for response")
    assert there.waited == [2], there.waited
    for timeout in (300, None):
        text = raises(SyftTimeoutError, future.wait, timeout=timeout)
        assert "while waiting" in text and "[limits] time" in text, text
        assert there.waited[-1] == there.left, there.waited
    for options in ({"timeout": 0}, {"timeout": -1}, {"poll_interval": 0}):
        raises(ValueError, future.wait, **options)
        raises(ValueError, SyftBulkFuture(futures=[future]).gather_completed, **options)


@behaviour
def the_same_message_is_not_sent_while_it_has_no_answer():
    there, app = begun()

    def later():
        calls.flush()
        fresh(app)

    first = rpc.send(URL, body="x")
    assert rpc.send(URL, body="x") == first and len(there.sent) == 1
    others = [rpc.send(URL, "POST", body="x"), rpc.send(URL, body="y"), rpc.send(URL, body="x", cache=False)]
    assert len(there.sent) == 4 and first not in others
    later()
    again = rpc.send(URL, body="x", expiry="1h")
    assert again == first and again.expires == first.expires, "as the release has it"
    there.end(first)
    assert again.wait().text() == "pong"
    assert rpc.send(URL, body="x") != first, "its answer was taken"
    later()
    soon = rpc.send(URL, body="soon", expiry="0s")
    assert rpc.send(URL, body="soon", expiry="0s") != soon, "it is too late for an answer"
    lost = rpc.send(URL, body="lost")
    del there.sent[str(lost.id)]
    assert lost.resolve().status_code == 404 and rpc.send(URL, body="lost") != lost
    later()
    Bucket.writes = []
    future = rpc.send(URL, body="z")
    there.end(future)
    future.wait()
    calls.flush()
    assert Bucket.writes == [], "who takes the answer writes nothing"
    assert all(key.startswith(sent.PREFIX) for key in STORE), STORE
    assert dict(app.state) == {}, "it is no part of the state that programs see"


@behaviour
def a_bulk_future_gathers_each_answer_once():
    there, _ = begun()
    urls = [f"syft://{name}@example.org/app_data/a/rpc/b" for name in ("ann", "bob", "cyd", "dan")]
    bulk = rpc.broadcast(urls, body="hi", expiry="1d")
    assert [there.sent[str(it.id)].method for it in bulk.futures] == ["GET"] * 4
    combined = ",".join(str(it.id) for it in bulk.futures)
    import hashlib

    assert bulk.id == uuid.UUID(bytes=hashlib.sha256(combined.encode()).digest()[:16], version=4)
    assert bulk.gather_completed(timeout=1) == [] and len(bulk.pending) == 4
    ann, bob, cyd, dan = bulk.futures
    there.end(ann)
    there.end(bob, name="rejected", reason="no")
    bulk.resolve()
    assert [it.status_code for it in bulk.responses] == [200, 403] and bulk.pending == [cyd, dan]
    del there.sent[str(dan.id)]
    assert len(bulk.gather_completed(timeout=1)) == 3, "what is unknown has an answer as well"
    there.end(cyd, status=500)
    assert len(bulk.gather_completed()) == 4 and bulk.pending == [] and not bulk.all_failed
    assert [it.id for it in bulk.successes] == [ann.id]
    assert {it.id for it in bulk.failures} == {bob.id, cyd.id, dan.id}
    assert SyftBulkFuture(futures=[]).gather_completed() == []
    assert SyftBulkFuture(futures=[json.loads(ann.dumps())]).futures == [ann]
    raises(ValueError, SyftBulkFuture, futures=5)


@behaviour
def futures_are_values():
    there, _ = begun()
    future = rpc.send(URL, body="x")
    same = pickle.loads(pickle.dumps(future))
    assert same == future and {same: 1}[future] == 1 and same.request == future.request
    dumped = json.loads(future.dumps())
    assert list(dumped) == ["id", "path", "expires"] and dumped["expires"].endswith("Z"), dumped
    bare = SyftFuture.loads(future.dumps())
    assert bare == future and bare.expires == future.expires and bare.path == future.path
    raises(FileNotFoundError, lambda: bare.request)
    there.end(future)
    assert (bare.resolve().url, bare.resolve().text()) == (URL, "pong")
    raises(ValueError, SyftFuture, id="x", path="/", expires="soon")


@behaviour
def kept_futures_are_found_in_later_calls():
    there, app = begun()
    future = rpc.send(URL, body="x")
    assert rpc_db.save_future(future, "mine") == str(future.id)
    bulk = rpc.broadcast([URL, URL.replace("bob", "ann")], body="all")
    assert rpc_db.save_bulk_future(bulk, "others") == str(bulk.id)
    late = rpc.send(URL, body="late", expiry="0s")
    rpc_db.save_future(late, namespace="mine", client=None)
    calls.flush()
    fresh(app)
    found = rpc_db.get_future(future.id)
    assert found == future and found.request == future.request
    assert found.resolve() is None
    there.end(future)
    assert rpc_db.get_future(str(future.id)).wait().text() == "pong"
    assert rpc_db.get_bulk_future(bulk.id).futures == bulk.futures
    assert rpc_db.get_bulk_future(str(bulk.id)).id == bulk.id
    assert set(rpc_db.list_futures("mine")) == {future, late}
    assert len(rpc_db.list_futures()) == 4 and rpc_db.list_futures("no") == []
    rpc_db.cleanup_expired_futures()
    assert rpc_db.get_future(late.id) is None and len(rpc_db.list_futures()) == 3
    rpc_db.delete_future(future.id)
    rpc_db.delete_future(future.id)
    rpc_db.delete_bulk_future(bulk.id)
    assert rpc_db.list_futures() == [] and rpc_db.get_bulk_future(bulk.id) is None
    assert not any(key.startswith(("py:future:", "py:bulk:")) for key in STORE), STORE


REPLYING = HEAD + """
from syft_guest import on_reply
from syft_rpc import rpc
taken = []

@on_reply
def scored(reply):
    taken.append(reply)
    if reply.context == "fail":
        box.state["lost"] = 1
        raise OSError("disk")
    box.state[reply.context["name"]] = reply.response.text()

@on_reply
async def later(reply):
    box.state["later"] = reply.outcome

@box.on_request("/ask")
def ask(name: str):
    return str(rpc.send("%s", body=name, on_reply=scored, context={"name": name}).id)

@box.on_request("/broadcast")
def broadcast():
    rpc.broadcast(["%s"], on_reply=later)
""" % (URL, URL)


def reply_to(message_id, message, end, attempt=1):
    value = types.SimpleNamespace(status=200, headers=[("A", "b")], body=b"8")
    kind = type(f"Outcome_{end}", (), {})
    found = kind()
    found.value = value if end == "Answered" else "no"
    return types.SimpleNamespace(
        message_id=message_id,
        url=message.url,
        handler=message.handler,
        context=message.context,
        outcome=found,
        attempt=attempt,
    )


@behaviour
def replies_go_to_their_handlers():
    STORE.clear()
    app = loaded(REPLYING)
    taken = sys.modules["__main__"].taken
    there = Host()
    message_id = json.loads(json.dumps(answer(app, "/ask", '{"name": "ada"}')[2].decode()))
    message = there.sent[message_id]
    assert (message.handler, message.body) == ("scored", b"ada"), message
    fresh(app)
    calls.take_reply(reply_to(message_id, message, "Answered", attempt=2))
    assert STORE["ada"] == b'"8"', STORE
    reply = taken[0]
    assert (str(reply.id), reply.url, reply.outcome, reply.attempt) == (message_id, URL, "answered", 2)
    assert (reply.context, reply.response.headers) == ({"name": "ada"}, {"A": "b"}), reply
    assert reply.response.id == reply.id and reply.response.sender == "bob@example.org"
    for end, status in [("Expired", 419), ("Rejected", 403)]:
        fresh(app)
        calls.take_reply(reply_to(message_id, message, end))
        assert (taken[-1].outcome, taken[-1].response.status_code) == (end.lower(), status)
    answer(app, "/broadcast", "")
    message_id, message = list(there.sent.items())[-1]
    assert message.context is None, message
    fresh(app)
    calls.take_reply(reply_to(message_id, message, "Expired"))
    assert STORE["later"] == b'"expired"', STORE

    def fails(message, **fields):
        fresh(app)
        try:
            calls.take_reply(types.SimpleNamespace(**{**vars(message), **fields}))
        except calls.Failed as failed:
            return failed
        raise AssertionError("it was taken")

    reply = reply_to(message_id, message, "Answered")
    failed = fails(reply, handler="scored", context=b'"fail"')
    assert (failed.kind, failed.handler) == ("OSError", "scored") and "lost" not in STORE
    assert "no handler of replies with the name gone" in str(fails(reply, handler="gone"))


@behaviour
def handlers_of_replies_have_names_of_their_own():
    head = HEAD + ENDPOINT + "from syft_guest import on_reply\n"
    for text, kind, message in [
        ("@on_reply\ndef f(r): pass\n@on_reply\ndef f(r, s=1): pass\n", "ValueError", "have the name f"),
        ("@on_reply()\ndef f(r): pass\n", "TypeError", "on_reply()"),
        ("on_reply(5)\n", "TypeError", "above a function"),
        ("@on_reply\ndef f(r): pass\n@on_reply('f')\ndef g(r): pass\n", "ValueError", "have the name f"),
    ]:
        report = load(head + text)
        assert report and report["kind"] == kind, (text, report)
        assert message in report["message"], (text, report)
    report = load(head + "from syft_rpc import rpc\nrpc.send('%s')\n" % URL)
    assert "sends a message at its start" in report["message"] and report["line"] == 7, report
    wrapped = "import functools\ndef w(f): return functools.wraps(f)(lambda r: f(r))\n@w\n@on_reply\ndef f(r): pass\n"
    assert load(head + wrapped) is None
    assert replies.name_of(sys.modules["__main__"].f) == "f"
    assert load(head + "@on_reply('before')\ndef f(r): pass\n") is None
    assert replies.name_of(sys.modules["__main__"].f) == "before"


@behaviour
def a_handler_may_answer_its_request_by_reply_to():
    app = loaded(
        HEAD + "from syft_rpc import rpc\n"
        "@box.on_request('/a')\n"
        "def a(request: Request):\n    rpc.reply_to(request, body={'n': 1}, status_code=201, headers={'A': 'b'})\n"
        "@box.on_request('/b')\n"
        "def b(request: Request):\n    rpc.reply_to(request, 'x', encrypt=True)\n    return 'y'\n"
        "@box.on_request('/c', encrypt_reply=True)\n"
        "def c(request: Request):\n    return rpc.reply_to(request, 'x', encrypt=True) and None\n"
        "@box.on_request('/d')\n"
        "def d(request: Request):\n"
        "    rpc.reply_to(request.model_copy(update={'id': '%s'}))\n"
        "@box.on_request('/e')\ndef e(request: Request): pass\n"
        "from syft_guest import sender_proof\n"
        "@box.on_request('/f')\ndef f(): return sender_proof()\n" % uuid.uuid4()
    )
    asked = uuid.uuid4()

    def call(endpoint):
        return answer(app, endpoint, "", id=str(asked))

    encrypted = [("X-Syft-Encrypt-Reply", "true")]
    assert call("/a") == (201, [("A", "b")], b'{"n":1}')
    assert call("/b") == (200, [], b"y"), "what it returns is its answer"
    assert call("/c") == (200, encrypted, b"x")
    assert call("/e") == (200, [], None)
    assert call("/f") == (200, [], b"folder")
    claimed = types.SimpleNamespace(name="CLAIMED")
    assert answer(app, "/f", "", id=str(asked), sender_proof=claimed)[2] == b"claimed"
    try:
        call("/d")
        raise AssertionError("it answered another request")
    except calls.Failed as failed:
        assert failed.kind == "SyftError" and "is not the request that is handled" in str(failed)
    raises(SyftError, rpc.write_response, "x.request")
    raises(SyftError, rpc.serialize, "x", encrypt=True, recipient="a")


@behaviour
def a_text_says_to_whom_messages_go():
    def seen(text):
        tree = ast.parse("from syft_rpc import rpc, send\nfrom syft_rpc.rpc import make_url\n" + text)
        return receivers.receivers({"app.py": tree}, analyse.Texts([tree]))

    there = "b@x.org/app_data/a/rpc/p"
    for text, pattern in [
        (f"rpc.send('syft://{there}?q=1')", there),
        (f"send(url='syft://{there}/')", there),
        ("U = 'syft://' + who + '/app_data/a/rpc/p'\nrpc.send(U)", "*/app_data/a/rpc/p"),
        ("for d in ds: rpc.send(f'syft://{d}/app_data/a/rpc/p')", "*/app_data/a/rpc/p"),
        ("rpc.send(f'syft://{box.client.email}/app_data/a/rpc/p')", "{datasite}/app_data/a/rpc/p"),
        ("A = 'l/a'\nrpc.broadcast([make_url(d, A, '/p') for d in ds])", "*/app_data/l/a/rpc/p"),
        ("rpc.send(rpc.make_url(datasite='b@x.org', app_name='a', endpoint=e))", "b@x.org/app_data/a/rpc/**"),
        ("rpc.send('syft://{}/app_data/a/rpc/{}'.format(d, e))", "*/app_data/a/rpc/**"),
        ("rpc.send('syft://%s/app_data/a/rpc/p%s' % (d, e))", "*/app_data/a/rpc/p*"),
        ("rpc.send(f'syft://b@x.org/app_data/a/rpc/{d}/p')", "b@x.org/app_data/a/rpc/*/p"),
    ]:
        assert seen(text) == ([pattern], None), (text, seen(text))
    for text in [
        "rpc.send(url)",
        "rpc.send('syft://*/app_data/a/rpc/p')",
        "rpc.send(f'syft://{d}/app_data/{a}/rpc/p')",
        "rpc.send('syft://b@x.org/public/x')",
        "rpc.send(" + "+".join(["'x'"] * 1_500) + ")",
    ]:
        assert seen(text) == ([], ["app.py", 3]), (text[:50], seen(text))
    assert seen(f"U = 'syft://{there}'") == ([], None), "nothing is sent"


TESTED = HEAD + """
from syft_guest import on_reply
from syft_rpc import rpc
from syft_rpc.protocol import SyftTimeoutError

@on_reply
def told(reply):
    box.state["told"] = [reply.outcome, reply.response.text()]
    if reply.context == "fail":
        raise ValueError("no")

@box.on_request("/wait")
def wait(name: str):
    try:
        return rpc.send("%s?a=1", "POST", body={"name": name}).wait(timeout=1).json()
    except SyftTimeoutError:
        return "late"

@box.on_request("/tell")
def tell(context: str):
    rpc.send("%s", body="t", on_reply=told, context=context)
    if context == "broken":
        raise OSError

""" % (URL, URL)


@behaviour
def tests_answer_the_messages_of_a_program():
    from syft_guest import testing

    testing._Bucket.kept.clear()
    loaded(TESTED)
    host.is_call = host.is_handling = True
    own = host.Bucket
    host.Bucket = testing._Bucket
    testing._correspondence = correspondence.Correspondence()
    testing._correspondence.install()
    host.time_left = lambda: 10.0
    try:
        app = testing.App()
        assert app.call("/wait", {"name": "ada"}).text == "late"
        late = app.sent[0]
        assert (late.url, late.method, late.json()) == (f"{URL}?a=1", "POST", {"name": "ada"}), late
        app.reply(late, "5")
        assert app.call("/wait", {"name": "ada"}).json() == 5 and app.sent == [late], "as its cache has it"
        app.answer(URL, lambda message: {"hello": message.json()["name"]})
        assert app.call("/wait", {"name": "bob"}).json() == {"hello": "bob"}
        app.answer("*/app_data/pingpong/rpc/*", status=404)
        assert app.call("/wait", {"name": "cyd"}).status == 500, "no JSON"
        assert "told" not in app.state
        app.call("/tell", {"context": "x"})
        assert app.state["told"] == ["answered", ""], "it was said beforehand"
        testing._correspondence._answers.clear()
        count = len(app.sent)
        assert app.call("/tell", {"context": "broken"}).status == 500
        assert len(app.sent) == count, "a call that fails sends nothing"
        app.call("/tell", {"context": "x"})
        app.expire(app.sent[-1])
        assert app.state["told"][0] == "expired", app.state
        raises(LookupError, app.reply, app.sent[-1])
        app.call("/tell", {"context": "fail"})
        raises(ValueError, app.reject, app.sent[-1], "why")
        assert app.state["told"][0] == "expired", "what fails changes nothing"
        raises(LookupError, app.reply, late.__class__(host.Message(URL, "GET", {}, None, 1)))
    finally:
        host.Bucket = own


if __name__ == "__main__":
    main()
