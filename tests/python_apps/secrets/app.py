"""Reads variables, arguments and secrets as programs do."""

import os
import sys
import urllib.request

from syft_event import SyftEvents

MODE = os.environ["MODE"]
# The host puts the key in the place of what stands for it here.
HEADERS = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
os.environ["CHANGED"] = "by the program"

box = SyftEvents("app")


@box.on_request("/seen")
def seen() -> dict:
    return {
        "variables": sorted(os.environ.items()),
        "argv": sys.argv,
        "mode": MODE,
        "password": os.getenv("PASSWORD"),
    }


@box.on_request("/send")
def send(url: str) -> str:
    request = urllib.request.Request(url, headers=HEADERS)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


box.run_forever()
