"""What callers are told where no handler answers as it should, and each status code."""

import json
from datetime import datetime, timedelta, timezone

from syft_rpc.protocol import SyftError, SyftRequest, SyftStatus, SyftTimeoutError

from peer import CALLER, CLIENT, OWNER, answer, behaviour, call, folder_of, main, request, send, url, wait, write


def echo(**fields):
    return request("echo", **fields)


def bare(*names):
    return {name: echo()[name] for name in names}


def half(content):
    return content[: len(content) // 2]


# What the release cannot read.
MALFORMED = {
    "an empty file": b"",
    "no JSON": b"{bad",
    "half a request": half(json.dumps(echo()).encode()),
    "more than a request": json.dumps(echo()).encode() + b"}",
    "not UTF-8": b'{"id":"\xff"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(echo()).encode(),
    "an array": [echo()],
    "null": b"null",
    "no sender": bare("id", "url"),
    "no url": bare("id", "sender"),
    "id is a number": echo(id=5),
    "id is no uuid": echo(id="five"),
    "sender is a list": echo(sender=[CALLER]),
    "url is a number": echo(url=5),
    "url of the web": echo(url="https://example.com/app_data/probe/rpc/echo"),
    "url without an email": echo(url="syft://nobody/app_data/probe/rpc/echo"),
    "body is a number": echo(body=5),
    "body is an object": echo(body={"a": 1}),
    "body is no base64": echo(body="***"),
    "body mixes alphabets": echo(body="-_+/"),
    "headers are null": {**echo(), "headers": None},
    "headers are a list": echo(headers=["a"]),
    "a header is a number": echo(headers={"a": 1}),
    "method is unknown": echo(method="OPTIONS"),
    "created is null": {**echo(), "created": None},
    "expires is a word": echo(expires="tomorrow"),
}


@behaviour
def what_is_no_request_is_400():
    futures = {fault: write(folder_of("echo"), content) for fault, content in MALFORMED.items()}
    for fault, future in futures.items():
        try:
            SyftRequest.load(future.request_path)
        except ValueError:
            pass
        else:
            raise AssertionError(f"the release reads it: {fault}")
    for fault, future in futures.items():
        response = answer(future)
        assert response.status_code == 400, (fault, response)
        assert response.text().startswith("Error loading request: "), (fault, response.body)
        assert len(response.text()) > len("Error loading request: "), fault
        assert response.id == future.id, (fault, response)
        assert response.sender == OWNER, (fault, response)
        # The release appends the sender's folder, as if it were a part of the endpoint.
        assert str(response.url) == url("echo"), (fault, response)
        assert response.headers == {}, (fault, response)
        lasts = response.expires - datetime.now(timezone.utc)
        assert timedelta(hours=23) < lasts <= timedelta(hours=24), (fault, response)


# What the release reads though it would never write it.
UNUSUAL = {
    "only what is required": bare("sender", "url"),
    "no id": echo(id=None),
    "no method": echo(method=None),
    "no headers": echo(headers=None),
    "no times": echo(created=None, expires=None),
    "an unknown key": echo(more=[{}]),
    "spaces and new lines": json.dumps(echo(), indent=2).encode(),
    "other order": dict(reversed(echo().items())),
    "times ending in Z": echo(created="2026-01-01T00:00:00Z", expires="2999-01-01T00:00:00Z"),
    "times of another zone": echo(expires="2999-01-01T05:30:00.5+05:30"),
    "time as a number": echo(expires=4102444800),
    "body in standard base64": echo(body="+/8="),
    "body without padding": echo(body="-_8"),
    "id in upper case": echo(id="C9C22855-686A-49F9-B6F2-11C98F11B79A"),
    "id without hyphens": echo(id="c9c22855686a49f9b6f211c98f11b79a"),
    "null body": {**echo(), "body": None},
    "escaped letters": json.dumps(echo(headers={"ü": "\U0001f980"})).encode(),
}


@behaviour
def unusual_requests_are_answered():
    futures = {case: write(folder_of("echo"), content) for case, content in UNUSUAL.items()}
    for case, future in futures.items():
        sent = future.request_path.read_bytes()
        read = SyftRequest.loads(sent)
        response = answer(future)
        assert response.status_code == 200, (case, response)
        assert response.id == future.id, (case, response)
        assert response.body == read.body, (case, response)
        assert response.headers == read.headers, (case, response)
        assert str(response.url) == str(read.url), (case, response)
        if b'"expires"' in sent:
            assert response.expires == read.expires, (case, response)


@behaviour
def without_a_method_it_is_a_get():
    response = answer(write(folder_of("whoami"), request("whoami", method=None)))
    assert response.json()["method"] == "GET", response


@behaviour
def a_method_is_taken_in_any_case():
    for name in ["get", "Post", "dELETE"]:
        response = answer(write(folder_of("whoami"), request("whoami", method=name)))
        assert response.json()["method"] == name.upper(), response


@behaviour
def an_unknown_endpoint_is_never_answered():
    future = send("nobody/here", "x")
    before = future.request_path.read_bytes(), future.request_path.stat()
    try:
        response = future.wait(timeout=1, poll_interval=0.05)
    except SyftTimeoutError:
        pass
    else:
        raise AssertionError(response)
    assert (future.request_path.read_bytes(), future.request_path.stat().st_mtime_ns) == (
        before[0],
        before[1].st_mtime_ns,
    )
    assert list(future.path.iterdir()) == [future.request_path]


@behaviour
def what_came_too_late_is_419():
    expires = (datetime.now(timezone.utc) - timedelta(seconds=1)).isoformat()
    future = write(folder_of("echo"), echo(expires=expires))
    response = answer(future)
    assert response.status_code == 419, response
    assert response.body == b"Request expired", response
    assert response.sender == OWNER and response.id == future.id, response
    assert response.expires.isoformat() == expires, response


@behaviour
def wrong_arguments_are_400():
    for endpoint, body in [
        ("types", {"int": "x"}),
        ("types", [1]),
        ("types", "{"),
        ("model", {}),
        ("model", None),
        ("model", "xx"),
        ("status", None),
        ("status", {"code": -1}),
        ("text", b"\xff"),
    ]:
        response = call(endpoint, body)
        assert response.status_code == 400, (endpoint, body, response)
        assert response.text().startswith("Invalid request schema: "), (endpoint, body, response)
        assert response.sender == OWNER and response.headers == {}, (endpoint, body, response)


@behaviour
def a_failing_handler_is_500_and_tells_nothing():
    response = call("fail")
    assert response.status_code == 500, response
    assert response.body == b"Internal server error. Please try again later.", response
    assert response.headers == {} and response.sender == OWNER, response
    try:
        response.raise_for_status()
    except SyftError:
        return
    raise AssertionError(response)


@behaviour
def a_failing_handler_tells_all_when_debugging():
    response = call("fail")
    assert response.status_code == 500, response
    assert response.headers == {"Content-Type": "application/json"}, response
    details = response.json()
    assert list(details) == ["error_type", "error_message", "function_name", "traceback"], details
    assert all(isinstance(value, str) and value for value in details.values()), details
    assert "secret" in details["error_message"], details
    assert response.text() == json.dumps(details, indent=2, ensure_ascii=False), response.text()


@behaviour
def a_handler_may_refuse_with_a_status_of_its_own():
    response = call("refuse")
    assert (response.status_code, response.body) == (409, b"not now"), response


@behaviour
def the_url_of_another_endpoint_leads_nowhere_else():
    # The release lets the handler of the folder answer, as we do, and then writes
    # where the URL points to, which no caller looks at and any caller can abuse.
    for elsewhere in [
        str(url("text")),
        str(url("nobody/here")),
        f"syft://{OWNER}/../../../outside",
        f"syft://{OWNER}",
    ]:
        future = write(folder_of("whoami"), request("whoami", url=elsewhere))
        response = answer(future)
        assert response.status_code == 200, (elsewhere, response)
        assert str(response.url) == elsewhere, (elsewhere, response)
        assert response.json()["endpoint"] == "/whoami", (elsewhere, response)
    # One that is for another app or datasite is for nobody here.
    for elsewhere in [
        f"syft://{OWNER}/app_data/other/rpc/echo",
        "syft://zed@example.com/app_data/probe/rpc/echo",
    ]:
        future = write(folder_of("whoami"), request("whoami", url=elsewhere))
        response = answer(future)
        assert response.status_code == 400, (elsewhere, response)
        assert response.text().startswith("Wrong address: "), (elsewhere, response)
        assert str(response.url) == elsewhere, (elsewhere, response)
    assert [path.name for path in CLIENT.datasites.iterdir()] == [OWNER]
    assert list(CLIENT.workspace.data_dir.rglob("*.response")) == []


@behaviour
def each_known_code_arrives():
    codes = [int(status) for status in SyftStatus]
    assert len(codes) >= 64, codes
    futures = {code: send("status", {"code": code}) for code in codes}
    for code, future in futures.items():
        response = wait(future)
        assert response.sender == OWNER, (code, response)
        assert response.status_code == code, (code, response)
        assert response.body == f"status {code}".encode(), (code, response)


@behaviour
def an_unknown_code_arrives_as_the_first_of_its_class():
    for code, expected in [
        (199, 100),
        (299, 200),
        (306, 300),
        (399, 300),
        (444, 400),
        (520, 500),
        (599, 500),
        (0, 500),
        (99, 500),
        (600, 500),
        (65535, 500),
    ]:
        response = call("status", {"code": code})
        assert response.sender == OWNER, (code, response)
        assert response.status_code == expected, (code, response)
        assert response.body == f"status {code}".encode(), (code, response)


if __name__ == "__main__":
    main()
