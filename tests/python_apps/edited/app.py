"""Is changed between two starts, and looks around where it is."""

import os
import secrets
import xml.dom.minidom

import greeting
from syft_event import SyftEvents
from words import polite

box = SyftEvents("edited")
box.state["n"] = 0
TOKEN = secrets.token_hex(8)
with open("settings.json") as file:
    SETTINGS = file.read()


@box.on_request("/hello")
def hello(name: str) -> str:
    box.state["n"] += 1
    return f"{greeting.of(name)}{polite()} ({box.state['n']})"


@box.on_request("/token")
def token() -> list:
    return [TOKEN, secrets.token_hex(8)]


@box.on_request("/library")
def library() -> str:
    import wsgiref.util

    document = xml.dom.minidom.parseString("<a><b/></a>")
    return f"{document.documentElement.firstChild.tagName} {wsgiref.util.guess_scheme({})}"


@box.on_request("/fail")
def fail():
    greeting.fail()


def _attempt(do, *arguments):
    try:
        do(*arguments)
    except OSError as error:
        return type(error).__name__
    return "done"


@box.on_request("/seen")
def seen() -> dict:
    """Looks for all that the host shows, and tries to change it."""
    files = [f"{base}/{name}" for base, _, names in os.walk("/program") for name in names]
    return {
        "files": sorted(files),
        "write": [_attempt(open, path, "r+b") for path in files],
        "make": [_attempt(open, "/program/x", "w"), _attempt(os.mkdir, "/program/x")],
        "delete": [_attempt(os.remove, path) for path in files],
        "up": [_attempt(os.listdir, path) for path in ("/program/..", "/program/../..")],
        "settings": SETTINGS,
        "beside": _attempt(open, "secret.txt"),
        "own": sorted(os.listdir(".")),
        "file": __file__,
    }


if __name__ == "__main__":
    box.run_forever()
