"""Runs under SyftEvent and in the sandbox: an app that asks others, as people write it."""

import json
from dataclasses import dataclass

from pydantic import BaseModel
from syft_event import Request, Response, SyftEvents
from syft_rpc import rpc, rpc_db
from syft_rpc.protocol import SyftBulkFuture, SyftError, SyftFuture, SyftTimeoutError

box = SyftEvents("sender")


class Model(BaseModel):
    name: str
    count: int = 3


@dataclass
class Data:
    name: str
    note: str = None


BODIES = [
    None,
    "",
    "héllo <>/?~~~ÿ",
    b"\xfb\xff\xfe>>>???",
    {"b": 1, "a": None, "é": [1.0, True]},
    ["é", 1, None],
    (1, 2),
    5,
    1.5,
    True,
    Model(name="z"),
    Data("d"),
]


def told(response):
    body = response.body
    return {
        "status": int(response.status_code),
        "body": body if body is None else body.decode(errors="backslashreplace"),
        "headers": response.headers,
        "sender": response.sender,
        "url": str(response.url),
        "is_success": response.is_success,
    }


@box.on_request("/echo")
def echo(request: Request) -> Response:
    return Response(body=request.body, headers=request.headers)


@box.on_request("/ask")
def ask(request: Request) -> dict:
    options = json.loads(request.body)
    timeout = options.pop("timeout", 20)
    try:
        future = rpc.send(**options)
        response = future.wait(timeout=timeout)
    except (SyftTimeoutError, ValueError, TypeError) as error:
        return {"error": type(error).__name__, "text": str(error)}
    return told(response) | {"same": response.id == future.id}


@box.on_request("/kinds")
def kinds(request: Request) -> dict:
    url = json.loads(request.body)["url"]
    futures = [rpc.send(url=url, method="POST", body=body) for body in BODIES]
    return {"answers": [told(future.wait(timeout=20)) for future in futures]}


@box.on_request("/all")
def ask_all(request: Request) -> dict:
    urls = json.loads(request.body)["urls"]
    bulk = rpc.broadcast(urls, body={"to": "all"}, expiry="1h")
    responses = bulk.gather_completed(timeout=20)
    return {
        "ids": {response.id for response in responses} == {each.id for each in bulk.futures},
        "answers": sorted((told(each) for each in responses), key=lambda each: each["url"]),
        "failures": len(bulk.failures),
        "successes": len(bulk.successes),
        "pending": len(bulk.pending),
        "all_failed": bulk.all_failed,
    }


@box.on_request("/begin")
def begin(request: Request) -> dict:
    options = json.loads(request.body)
    future = rpc.send(**options)
    again = rpc.send(**options)
    saved = rpc_db.save_future(future=future, namespace="sender", client=box.client)
    bulk = SyftBulkFuture(futures=[future])
    assert rpc_db.save_bulk_future(bulk, namespace="sender") == str(bulk.id)
    return {"id": saved, "path": str(future.path), "bulk": str(bulk.id), "same": future == again}


@box.on_request("/end")
def end(request: Request) -> dict:
    begun = json.loads(request.body)
    future = rpc_db.get_future(begun["id"])
    bulk = rpc_db.get_bulk_future(begun["bulk"])
    assert isinstance(future, SyftFuture) and bulk.futures == [future]
    response = future.resolve()
    if response is None:
        return {"status": None, "listed": len(rpc_db.list_futures(namespace="sender"))}
    rpc_db.delete_bulk_future(bulk.id)
    return told(response) | {"left": rpc_db.get_future(begun["id"]) is None}


@box.on_request("/wrong")
def wrong(request: Request) -> dict:
    url = json.loads(request.body)["url"]
    errors = {}
    for name, options in {
        "url": {"url": "syft://nobody"},
        "method": {"url": url, "method": "get"},
        "expiry": {"url": url, "expiry": "soon"},
        "set": {"url": url, "body": {1}},
        "headers": {"url": url, "headers": {"a": 1}},
        "keys": {"url": url, "body": {1: 2}},
        "bytes": {"url": url, "body": b"\xff", "encrypt": True},
    }.items():
        try:
            rpc.send(**options)
        except Exception as error:
            errors[name] = type(error).__name__
    for name, options in {"zero": {"timeout": 0}, "poll": {"poll_interval": -1}}.items():
        try:
            rpc.send(url=url).wait(**options)
        except SyftError as error:
            errors[name] = f"SyftError {error}"
        except ValueError as error:
            errors[name] = str(error)
    return errors


if __name__ == "__main__":
    box.run_forever()
