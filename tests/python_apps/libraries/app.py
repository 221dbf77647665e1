"""Does something with each of the libraries that programs use."""

import argparse
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from wsgiref.simple_server import make_server

import flask
import httpx
import jinja2
import openai
import requests
import yaml
from pydantic import BaseModel, EmailStr
from syft_event import SyftEvents

parser = argparse.ArgumentParser()
parser.add_argument("--server", required=True)
SERVER = parser.parse_args().server

box = SyftEvents("libraries")


board = flask.Flask("board")
pages = jinja2.Environment(loader=jinja2.FileSystemLoader("templates"), autoescape=True)


class Person(BaseModel):
    name: str
    email: EmailStr


@box.on_request("/pydantic")
def use_pydantic(person: Person):
    return Person.model_json_schema()["properties"]["email"]["format"] + " " + person.email


@box.on_request("/openai")
def use_openai(text: str):
    client = openai.OpenAI(base_url=f"{SERVER}/v1", api_key="a key")
    messages = [{"role": "user", "content": text}]
    answer = client.chat.completions.create(model="m", messages=messages)
    parts = client.chat.completions.create(model="m", messages=messages, stream=True)
    return [answer.choices[0].message.content, *(p.choices[0].delta.content for p in parts)]


@box.on_request("/openai-async")
async def use_openai_async(text: str):
    client = openai.AsyncOpenAI(base_url=f"{SERVER}/v1", api_key="a key")
    messages = [{"role": "user", "content": text}]
    answer = await client.chat.completions.create(model="m", messages=messages)
    try:
        await client.models.retrieve("missing")
    except openai.NotFoundError as error:
        return [answer.choices[0].message.content, type(error).__name__, error.status_code]


@box.on_request("/yaml")
def use_yaml(text: str):
    return yaml.safe_dump(yaml.safe_load(text), sort_keys=True)


@box.on_request("/jinja2")
def use_jinja2(names: list):
    environment = jinja2.Environment(autoescape=True)
    names_alone = environment.from_string(
        "{% for name in names %}{{ loop.index }} {{ name }};{% endfor %}"
    )
    return names_alone.render(names=names) + pages.get_template("page.html").render(names=names)


@box.on_request("/requests")
def use_requests():
    return requests.get(f"{SERVER}/json", timeout=5).json()


@box.on_request("/httpx")
async def use_httpx():
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{SERVER}/json")).json()


@board.get("/notes/<int:number>")
def note(number):
    return flask.render_template_string("<p>{{ text }}</p>", text=f"{number} & more")


@box.on_request("/flask")
def use_flask():
    return board.test_client().get("/notes/7").get_data(as_text=True)


# Web servers of its own, which nobody reaches.
if __name__ == "__main__":
    threading.Thread(target=box.run_forever, daemon=True).start()
    threading.Thread(target=HTTPServer(("", 8000), BaseHTTPRequestHandler).serve_forever).start()
    with make_server("localhost", 8001, board) as server:
        server.serve_forever()
    board.run(host="0.0.0.0", port=8002)
