"""Bodies and headers, there and back."""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone

from pydantic import BaseModel
from syft_rpc import rpc

from peer import CALLER, OWNER, behaviour, call, main, send, url, wait


@dataclass
class Data:
    name: str
    n: int = 3
    x: float | None = None


class Model(BaseModel):
    name: str
    n: int = 3
    x: float | None = None


# What is sent, and the bytes that it is on the way.
KINDS = [
    (None, None),
    ("", b""),
    ("héllo <>/?~~~ÿ 🦀", "héllo <>/?~~~ÿ 🦀".encode()),
    ("a\0b\r\n\u2028", "a\0b\r\n\u2028".encode()),
    (b"", b""),
    (b"\xfb\xff\xfe>>>???\x00", b"\xfb\xff\xfe>>>???\x00"),
    (bytes(range(256)), bytes(range(256))),
    ({"b": 1, "a": None, "é": [1.0, True]}, '{"b":1,"a":null,"é":[1.0,true]}'.encode()),
    ({}, b"{}"),
    (Data(name="z"), b'{"name":"z","n":3,"x":null}'),
    (Model(name="z"), b'{"name":"z","n":3,"x":null}'),
    (["é", 1, None], b'["\\u00e9", 1, null]'),
    (("é", 1, None), b'["\\u00e9", 1, null]'),
    ([], b"[]"),
    (5, b"5"),
    (2**70, str(2**70).encode()),
    (1.0, b"1.0"),
    (1e300, b"1e+300"),
    (True, b"true"),
    (False, b"false"),
    (math.nan, b"NaN"),
    (-math.inf, b"-Infinity"),
    ([math.nan], b"[NaN]"),
    ({"x": math.nan, "y": math.inf}, b'{"x":null,"y":null}'),
    ({"when": datetime(2026, 1, 2, tzinfo=timezone.utc)}, b'{"when":"2026-01-02T00:00:00Z"}'),
    ("x" * 1_000_000, b"x" * 1_000_000),
]


@behaviour
def every_kind_comes_back():
    for sent, expected in KINDS:
        future = send("echo", sent, method="POST")
        response = wait(future)
        assert rpc.serialize(sent) == expected, (sent, expected)
        assert future.request.body == expected, (sent, future.request.body)
        assert response.body == expected, (sent, response.body)
        assert response.status_code == 200, (sent, response)


@behaviour
def the_answer_repeats_its_request():
    headers = {"Z": "1", "content-type": "a/b", "X-Ünïcode": "ä\t\"\\", "": "", "A": "z" * 1000}
    for expiry in ["15m", "1d", "30s"]:
        future = send("echo", "x", method="PUT", headers=headers, expiry=expiry)
        response = wait(future)
        request = future.request
        assert response.id == future.id == request.id
        assert response.sender == OWNER
        assert str(response.url) == str(request.url) == str(url("echo"))
        assert list(response.headers.items()) == list(headers.items())
        assert response.expires == request.expires == future.expires
        assert request.created <= response.created <= datetime.now(timezone.utc)
        assert response.is_success and response.status_code == 200


@behaviour
def the_handler_sees_its_request():
    for endpoint in ["whoami", "/whoami", "whoami/", "whoami?a=1&b=ü#top"]:
        future = send(endpoint, "x", method="PATCH")
        seen = wait(future).json()
        assert seen["sender"] == CALLER, seen
        assert seen["id"] == str(future.id), seen
        assert seen["url"] == str(future.request.url), seen
        assert seen["endpoint"] == "/whoami", seen
        assert seen["method"] == "PATCH", seen


# What is sent to an endpoint, and what it answers.
TYPED = [
    ("text", "World", "World"),
    ("text", {"text": "World"}, "World"),
    ("text", None, ""),
    ("text", "", ""),
    ("bytes", b"\xff\x00", b"\xff\x00"),
    ("model", Model(name="z", n=4), {"name": "z", "n": 4}),
    ("model", Data(name="z"), {"name": "z", "n": 3}),
    ("model", {"name": "z", "more": 1}, {"name": "z", "n": 3}),
    ("none", None, None),
    ("int", None, 5),
    ("int", {"value": -(2**63)}, -(2**63)),
    ("float", {"value": 0.1}, 0.1),
    ("bool", {"value": False}, False),
    ("list", {"value": ["ü"]}, ["ü"]),
    ("dict", None, {"a": 1, "é": None}),
    ("deep/er", None, "deeper"),
]


@behaviour
def typed_handlers_take_and_give_what_python_does():
    for endpoint, sent, expected in TYPED:
        response = call(endpoint, sent, method="POST")
        assert response.status_code == 200, (endpoint, sent, response)
        match expected:
            case None:
                assert response.body is None, (endpoint, sent, response)
            case bytes():
                assert response.body == expected, (endpoint, sent, response)
            case str():
                assert response.body is not None and response.text() == expected, (endpoint, sent, response)
            case _:
                assert json.loads(response.body) == expected, (endpoint, sent, response)
    assert call("model", Model(name="z", n=4)).model(Model) == Model(name="z", n=4)


@behaviour
def headers_of_a_handler_arrive_in_order():
    response = call("headers")
    assert list(response.headers.items()) == [("X-First", "1"), ("Content-Type", "text/plain")]
    assert response.body == b"headers"


@behaviour
def all_methods_are_answered_alike():
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]:
        response = call("echo", f"by {method}", method=method)
        assert response.status_code == 200, (method, response)
        assert response.text() == f"by {method}", (method, response)


if __name__ == "__main__":
    main()
