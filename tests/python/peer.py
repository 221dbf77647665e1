"""What the scripts stand on: the released client as a caller, beside a running host."""

import faulthandler
import json
import os
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

from syft_core import Client
from syft_rpc import rpc
from syft_rpc.protocol import SyftFuture, SyftRequest, SyftResponse

# What the host said when it was ready. Absent where a script needs no host.
READY = json.loads(os.environ.get("HOST_READY", "{}"))
OWNER = READY.get("datasite", "owner@example.com")
APP = READY.get("app", "probe")
RPC = Path(READY.get("path", "."))

# The longest that anything may take, in seconds.
PATIENCE = 60

CLIENT = Client.load()
CALLER = CLIENT.email

BEHAVIOURS = {}


def behaviour(function):
    """Marks a function that a Rust test runs by its name."""
    BEHAVIOURS[function.__name__] = function
    return function


def main(seconds=2 * PATIENCE):
    """Runs the behaviour named on the command line. Ends itself, showing where each
    thread is, should that take too long."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    BEHAVIOURS[sys.argv[1]](*sys.argv[2:])


def url(endpoint):
    return rpc.make_url(OWNER, APP, endpoint)


def send(endpoint, body=None, cache=False, **options):
    return rpc.send(url(endpoint), body=body, cache=cache, client=CLIENT, **options)


def wait(future):
    return future.wait(timeout=PATIENCE, poll_interval=0.01)


def call(endpoint, body=None, **options):
    return wait(send(endpoint, body, **options))


def request(endpoint, **fields):
    """Returns a request as JSON to be bent: `None` for a field leaves it out."""
    now = datetime.now(timezone.utc)
    whole = {
        "id": str(uuid4()),
        "sender": CALLER,
        "url": str(url(endpoint)),
        "body": "aGk=",
        "headers": {},
        "created": now.isoformat(),
        "expires": (now + timedelta(minutes=15)).isoformat(),
        "method": "POST",
    }
    whole.update(fields)
    return {key: value for key, value in whole.items() if value is not None}


def write(folder, content):
    """Writes a request, in whatever shape, under a name of its own. Returns the
    future of its answer."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    future_id = uuid4()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{future_id}.request"
    path.write_bytes(content)
    # A future reads its own request unless it is given one, and ours may be unreadable.
    some_request = SyftRequest(sender=CALLER, url=url("echo"))
    return SyftFuture(id=future_id, path=folder, expires=some_request.expires, request=some_request)


def answer(future):
    """Waits for an answer to whatever was written: `wait()` would first read the
    request, and raise. The file has to be as the release writes it, byte for byte."""
    deadline = time.monotonic() + PATIENCE
    while not future.response_path.exists():
        assert time.monotonic() < deadline, f"no answer to {future.request_path}"
        time.sleep(0.01)
    text = future.response_path.read_text(encoding="utf-8")
    assert SyftResponse.loads(text).dumps() == text, text
    return wait(future)


def folder_of(endpoint, sender=CALLER):
    return RPC / endpoint / sender
