"""Chats by a model that runs on the owner's machine under Ollama, and remembers each sender's chat."""

import argparse

import ollama
from pydantic import BaseModel, Field
from syft_event import Request, Response, SyftEvents

parser = argparse.ArgumentParser()
parser.add_argument("--server", default="http://localhost:11434")
parser.add_argument("--model", default="llama3.2")
args = parser.parse_args()

# So many messages of a sender are kept and given to the model.
REMEMBERED = 20

box = SyftEvents("python-chat")


class Question(BaseModel):
    text: str = Field(min_length=1, max_length=4_000)


class Answer(BaseModel):
    text: str
    model: str
    n_messages: int


@box.on_request("/ask")
def ask(question: Question, request: Request):
    """Lets the model answer, in view of what was said before."""
    chats = box.state.get("chats", {})
    messages = [*chats.get(request.sender, []), {"role": "user", "content": question.text}]
    try:
        said = ollama.Client(host=args.server).chat(model=args.model, messages=messages)
    except ollama.ResponseError as error:
        return Response(body={"error": error.error}, status_code=502)
    messages.append({"role": "assistant", "content": said.message.content})
    box.state["chats"] = {**chats, request.sender: messages[-REMEMBERED:]}
    return Answer(text=said.message.content, model=args.model, n_messages=len(messages))


@box.on_request("/forget")
def forget(request: Request) -> dict:
    """Forgets what the sender said."""
    chats = dict(box.state.get("chats", {}))
    forgotten = chats.pop(request.sender, [])
    box.state["chats"] = chats
    return {"forgotten": len(forgotten)}


if __name__ == "__main__":
    box.run_forever()
