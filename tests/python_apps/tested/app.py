"""What its tests look at: state, files, errors and time."""

from pathlib import Path

import helper
from syft_event import Response, SyftEvents

box = SyftEvents("tested")
calls = []


@box.on_request("/greet")
def greet(name: str, times: int = 1) -> str:
    print("greeting", name)
    return helper.polite(name) * times


@box.on_request("/count")
def count(fails: bool = False) -> int:
    box.state["count"] = box.state.get("count", 0) + 1
    if fails:
        raise RuntimeError("after it counted")
    return box.state["count"]


@box.on_request("/score")
def score(of: str) -> dict:
    path = box.client.datasites / of / "public/score.txt"
    return {"score": int(path.read_text())}


@box.on_request("/keep")
def keep(text: str) -> Response:
    Path("kept.txt").write_text(text)
    return Response(status_code=201, headers={"X-Kept": text})


@box.on_request("/forever")
def forever() -> None:
    while True:
        pass


@box.watch("*/public/score.txt")
def on_score(event) -> None:
    box.state["seen"] = [*box.state.get("seen", []), str(event.src_path)]


box.run_forever()
