"""A program that sends messages, under the released SyftEvent and in the sandbox, to an app of the
released SyftEvent and to one of ours."""

import json
import os
import re
import runpy
import shutil
import time

from peer import APP, CALLER, CLIENT, OWNER, PATIENCE, behaviour, main, wait
from syft_crypto import EncryptedPayload, decrypt_message, ensure_bootstrap, x3dh_bootstrap
from syft_event import SyftEvents
from syft_event.types import Request, Response
from syft_rpc import rpc
from syft_rpc.protocol import SyftRequest, SyftResponse

# Nothing here asks a server: there is none.
x3dh_bootstrap._fetch_did_from_server = lambda server_url, email: None


def dump(message, path):
    """Writes whole: the released server takes half a request for a malformed one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(message.dumps(), encoding="utf-8")
    os.replace(temporary, path)


SyftRequest.dump = SyftResponse.dump = dump
loads = SyftRequest.loads


def load(path):
    """Reads a request once it is whole, as sync brings it: the host writes it in place."""
    deadline = time.monotonic() + PATIENCE
    while not (text := path.read_text(encoding="utf-8")).endswith("}"):
        assert time.monotonic() < deadline, path
    return loads(text)


SyftRequest.load = load


def receiver():
    """Returns an app of the caller's, of the release."""
    app = SyftEvents("receiver", client=CLIENT)

    @app.on_request("/echo")
    def echo(request: Request) -> Response:
        return Response(body=request.body, headers={**request.headers, "X-Method": request.method})

    @app.on_request("/refuse")
    def refuse() -> Response:
        return Response(body="not now", status_code=409)

    @app.on_request("/fail")
    def fail() -> str:
        raise ValueError("secret")

    @app.on_request("/secret", encrypt_reply=True)
    def secret(request: Request) -> Response:
        return Response(body=request.body)

    @app.on_request("/who")
    def who(request: Request) -> str:
        return request.sender

    return app


def stock_sender(program):
    """Starts the program under the release, as the caller's."""
    SyftEvents.run_forever = lambda self: self.start()
    return runpy.run_path(program, run_name="__main__")["box"]


def ask(datasite, endpoint, body):
    """Has one of the two apps send something, and returns what it says of that."""
    url = rpc.make_url(datasite, APP, endpoint)
    response = wait(rpc.send(url, body=body, client=CLIENT, method="POST", cache=False))
    assert response.status_code == 200, (datasite, endpoint, body, response)
    return response.json()


def ask_both(endpoint, body):
    """Has both send the same, and returns what they say where it is the same."""
    ours, theirs = (ask(datasite, endpoint, body) for datasite in (OWNER, CALLER))
    ours, theirs = shown(ours), shown(theirs)
    assert ours == theirs, f"{endpoint} {body}\nours:   {ours}\ntheirs: {theirs}"
    return ours


def shown(said):
    """Returns what an app said, without what cannot be the same."""
    text = json.dumps(said)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return json.loads(re.sub(r"\d{4}-\d\d-\d\d \d\d:[\d:.]+(\+00:00)?", "TIME", text))


def there(endpoint):
    return f"syft://{CALLER}/app_data/receiver/rpc/{endpoint}"


@behaviour
def both_get_the_same_answers(program):
    theirs, app = receiver(), stock_sender(program)
    theirs.start()
    try:
        said = ask_both("ask", {"url": there("echo"), "method": "POST", "body": "é", "headers": {"X": "1"}})
        assert said["body"] == "é" and said["headers"] == {"X": "1", "X-Method": "POST"}, said
        assert said["sender"] == CALLER and said["same"], said
        assert ask_both("ask", {"url": there("refuse")})["status"] == 409
        assert ask_both("ask", {"url": there("fail")})["status"] == 500
        assert ask(OWNER, "ask", {"url": there("who")})["body"] == OWNER
        said = ask_both("kinds", {"url": there("echo")})
        assert len(said["answers"]) == 12, said
        endpoints = ["echo", "refuse", "fail", "echo?a=1"]
        said = ask_both("all", {"urls": [there(endpoint) for endpoint in endpoints]})
        assert (said["successes"], said["failures"], said["ids"]) == (2, 2, True), said
    finally:
        theirs.stop()
        app.stop()


@behaviour
def both_fail_alike(program):
    app = stock_sender(program)
    try:
        said = ask_both("ask", {"url": there("nowhere"), "timeout": 0.5})
        assert said["error"] == "SyftTimeoutError", said
        message = {"url": there("nowhere"), "body": "x", "timeout": None, "expiry": "1s"}
        ours, theirs = (shown(ask(datasite, "ask", message)) for datasite in (OWNER, CALLER))
        # The id of such an answer tells to which message it belongs; that of the release is random.
        assert ours.pop("same") and not theirs.pop("same"), (ours, theirs)
        assert ours == theirs and ours["status"] == 419, (ours, theirs)
        said = ask_both("wrong", {"url": there("nowhere")})
        assert len(said) == 9, said
    finally:
        app.stop()


@behaviour
def futures_are_found_in_later_calls(program):
    app = stock_sender(program)
    begun = {}
    for datasite in (OWNER, CALLER):
        message = {"url": there("echo"), "method": "POST", "body": datasite}
        begun[datasite] = ask(datasite, "begin", message)
        assert begun[datasite]["same"], "it is not sent twice"
        before = ask(datasite, "end", begun[datasite])
        assert before == {"status": None, "listed": 1}, before
    theirs = receiver()
    theirs.start()
    try:
        for datasite in (OWNER, CALLER):
            said = {"status": None}
            deadline = time.monotonic() + PATIENCE
            while said["status"] is None:
                assert time.monotonic() < deadline, begun
                said = ask(datasite, "end", begun[datasite])
            assert (said["status"], said["body"], said["left"]) == (200, datasite, True), said
    finally:
        theirs.stop()
        app.stop()


@behaviour
def a_mark_of_sync_is_a_refusal(program):
    app = stock_sender(program)
    try:
        for datasite in (OWNER, CALLER):
            begun = ask(datasite, "begin", {"url": there("nowhere"), "body": "x"})
            folder = CLIENT.datasites / CALLER / "app_data/receiver/rpc/nowhere" / datasite
            request = folder / f"{begun['id']}.request"
            deadline = time.monotonic() + PATIENCE
            while not request.exists():
                assert time.monotonic() < deadline, request
                time.sleep(0.01)
            shutil.copy(request, request.with_suffix(".syftrejected.request"))
            said = {"status": None}
            while said["status"] is None:
                assert time.monotonic() < deadline, request
                said = ask(datasite, "end", begun)
            assert said["status"] == 403, (datasite, said)
    finally:
        app.stop()


@behaviour
def both_encrypt_what_they_send(program):
    """The owner's keys are those that `syft-host encryption setup` has made."""
    ensure_bootstrap(CLIENT)
    theirs, app = receiver(), stock_sender(program)
    theirs.start()
    try:
        message = {"url": there("echo"), "method": "POST", "body": "sécret", "encrypt": True}
        for datasite in (OWNER, CALLER):
            said = ask(datasite, "ask", message)
            assert (said["status"], said["body"]) == (200, "sécret"), said
        # The host lets nobody say in an answer that something was opened.
        assert said["headers"]["X-Syft-Decrypted"] == "true", said
        assert said["headers"]["X-Syft-Original-Sender"] == CALLER, said
        # The host opens what comes back; the release leaves that to the program.
        message["url"] = there("secret")
        assert ask(OWNER, "ask", message)["body"] == "sécret"
        payload = EncryptedPayload.model_validate_json(ask(CALLER, "ask", message)["body"])
        assert decrypt_message(payload, client=CLIENT) == "sécret"
    finally:
        theirs.stop()
        app.stop()


@behaviour
def ours_answers_both(program):
    """The receiver is our own app, which the release asks by the tree, and ours in memory."""
    ensure_bootstrap(CLIENT)
    app = stock_sender(program)
    echo = f"syft://{OWNER}/app_data/{APP}/rpc/echo"
    try:
        for body in ["héllo", {"a": 1}, None]:
            message = {"url": echo, "method": "POST", "body": body, "headers": {"X": "1"}}
            said = ask_both("ask", message)
            assert (said["status"], said["sender"]) == (200, OWNER), said
        said = ask_both("all", {"urls": [f"{echo}?n={n}" for n in range(3)]})
        assert said["successes"] == 3, said
        said = ask(CALLER, "ask", {**message, "body": "secret", "encrypt": True})
        assert said["body"] == "secret" and said["headers"]["X-Syft-Decrypted"] == "true", said
    finally:
        app.stop()


main()
