"""Does something with each of the libraries that programs use, beside a web app of FastAPI."""

import argparse
import asyncio
import threading
from contextlib import asynccontextmanager

import httpx
import jinja2
import openai
import requests
import uvicorn
import yaml
from fastapi import FastAPI
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, EmailStr
from syft_event import SyftEvents

parser = argparse.ArgumentParser()
parser.add_argument("--server", required=True)
SERVER = parser.parse_args().server

box = SyftEvents("libraries")


@asynccontextmanager
async def lifespan(app):
    threading.Thread(target=box.run_forever, daemon=True).start()
    app.state.started = True
    yield


app = FastAPI(lifespan=lifespan)
templates = Jinja2Templates(directory="templates")


@app.get("/health")
def health():
    # As in a thread, where no loop runs yet.
    return {"started": asyncio.run(_started())}


async def _started():
    return app.state.started


class Person(BaseModel):
    name: str
    email: EmailStr


@box.on_request("/pydantic")
def use_pydantic(person: Person):
    return Person.model_json_schema()["properties"]["email"]["format"] + " " + person.email


@box.on_request("/fastapi")
async def use_fastapi():
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/health")
    return [answer.status_code, answer.json()]


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
    page = environment.from_string("{% for name in names %}{{ loop.index }} {{ name }};{% endfor %}")
    return page.render(names=names) + templates.get_template("page.html").render(names=names)


@box.on_request("/requests")
def use_requests():
    return requests.get(f"{SERVER}/json", timeout=5).json()


@box.on_request("/httpx")
async def use_httpx():
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{SERVER}/json")).json()


if __name__ == "__main__":
    uvicorn.run("app:app", host="0.0.0.0", port=8080, reload=True)
