"""Sends HTTP requests by the clients that people use, unmodified."""

import asyncio
import http.client
import json
import urllib.error
import urllib.request

import httpx
import requests
from syft_event import SyftEvents
from syft_guest import idempotency_key

box = SyftEvents("web")


def _urllib(url, data=None):
    with urllib.request.urlopen(url, data=data) as answer:
        return answer.status, answer.read().decode()


def _http_client(url, data=None):
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request("POST" if data else "GET", "/" + path, body=data)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def _requests(url, data=None):
    answer = requests.post(url, data=data) if data else requests.get(url)
    return answer.status_code, answer.text


def _requests_session(url, data=None):
    with requests.Session() as session:
        session.get(url)
        answer = session.request("POST" if data else "GET", url, data=data)
    return answer.status_code, answer.text


def _httpx(url, data=None):
    answer = httpx.post(url, content=data) if data else httpx.get(url)
    return answer.status_code, answer.text


def _httpx_async(url, data=None):
    async def send():
        async with httpx.AsyncClient() as client:
            return await client.request("POST" if data else "GET", url, content=data)

    answer = asyncio.run(send())
    return answer.status_code, answer.text


CLIENTS = {
    "urllib": _urllib,
    "http.client": _http_client,
    "requests": _requests,
    "session": _requests_session,
    "httpx": _httpx,
    "httpx-async": _httpx_async,
}


@box.on_request("/send")
def send(client: str, url: str, body: str = ""):
    try:
        return list(CLIENTS[client](url, body.encode() or None))
    except Exception as error:
        return [f"{type(error).__module__}.{type(error).__name__}", str(error)]


@box.on_request("/timeout")
def timeout(client: str, url: str):
    try:
        if client == "requests":
            requests.get(url, timeout=0.3)
        elif client == "httpx":
            httpx.get(url, timeout=0.3)
        elif client == "httpx-async":

            async def get():
                async with httpx.AsyncClient(timeout=0.3) as client:
                    await client.get(url)

            asyncio.run(get())
        else:
            urllib.request.urlopen(url, timeout=0.3).read()
    except Exception as error:
        kinds = [TimeoutError, requests.Timeout, httpx.TimeoutException]
        return [isinstance(error, kind) for kind in kinds]
    return "answered"


@box.on_request("/stream")
def stream(url: str):
    with httpx.stream("GET", url) as answer:
        lines = [line for line in answer.iter_lines() if line]
    with requests.get(url, stream=True) as answer:
        return [lines, [line.decode() for line in answer.iter_lines() if line]]


@box.on_request("/together")
async def together(url: str, n: int):
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(n)))
    return [answer.status_code for answer in answers]


@box.on_request("/upload")
def upload(url: str, n_bytes: int):
    body = b"x" * n_bytes
    parts = (body[start : start + 50_000] for start in range(0, n_bytes, 50_000))
    return [
        requests.post(url, data=body).text,
        httpx.post(url, content=body).text,
        urllib.request.urlopen(url, data=body).read().decode(),
        requests.put(url, files={"file": ("a.txt", b"content")}).status_code,
        httpx.post(url, content=parts).text,
    ]


@box.on_request("/json")
def read_json(url: str):
    return [
        requests.get(url, verify=False).json()["name"],
        httpx.get(url).json()["name"],
        json.load(urllib.request.urlopen(url))["name"],
    ]


@box.on_request("/key")
def key():
    return idempotency_key()


box.run_forever()
