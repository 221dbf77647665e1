from pydantic import BaseModel
from syft_event import SyftEvents

box = SyftEvents("models")


class Answer(BaseModel):
    text: str


@box.on_request("/answer")
def answer() -> Answer:
    return Answer(text="built")


box.run_forever()
