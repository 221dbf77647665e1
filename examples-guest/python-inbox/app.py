"""An inbox of encrypted letters: one program for who writes and for who reads."""

from datetime import datetime, timezone

from syft_event import Request, Response, SyftEvents
from syft_guest import on_reply, sender_proof
from syft_rpc import rpc

box = SyftEvents("python-inbox")


def only_owner(request: Request) -> Response | None:
    # A name that is only claimed is anybody's.
    if request.sender != box.client.email or sender_proof() == "claimed":
        return Response(body="This is for the owner alone.", status_code=403)


@box.on_request("/write")
def write(request: Request, to: str, text: str) -> Response:
    """Sends a letter. What becomes of it is in /sent."""
    if refusal := only_owner(request):
        return refusal
    number = box.state.get("written", 0) + 1
    box.state["written"] = number
    box.state[f"sent/{number}"] = {"to": to, "text": text, "is": "on its way"}
    rpc.send(
        f"syft://{to}/app_data/python-inbox/rpc/deliver",
        method="POST",
        body={"text": text},
        expiry="7d",
        encrypt=True,
        on_reply=delivered,
        context=number,
    )
    return Response(body={"number": number}, status_code=202)


@on_reply
def delivered(reply):
    """Runs when the letter has an answer, also after days, and when its time is up."""
    letter = box.state[f"sent/{reply.context}"]
    if reply.outcome == "answered" and reply.response.is_success:
        letter["is"] = "delivered"
    else:
        letter["is"] = f"not delivered: {reply.response.text()}"


@box.on_request("/deliver")
def deliver(request: Request, text: str) -> Response:
    """Takes a letter, if it was encrypted, or if it is the owner's own, which leaves no machine."""
    if sender_proof() != "signed" and only_owner(request):
        return Response(body="Letters have to be encrypted.", status_code=400)
    number = box.state.get("received", 0) + 1
    box.state["received"] = number
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    box.state[f"inbox/{number}"] = {"from": request.sender, "text": text, "at": now}
    return Response(status_code=204)


@box.on_request("/read")
def read(request: Request):
    """Returns the letters that came, the newest first."""
    return only_owner(request) or letters("inbox/", "received")


@box.on_request("/sent")
def sent(request: Request):
    """Returns the letters that were written, and what became of them, the newest first."""
    return only_owner(request) or letters("sent/", "written")


def letters(prefix, counter):
    return [box.state[f"{prefix}{number}"] for number in range(box.state.get(counter, 0), 0, -1)]


if __name__ == "__main__":
    box.run_forever()
