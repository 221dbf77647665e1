"""Keeps notes: models of pydantic as bodies, answers and state."""

from datetime import datetime, timezone
from typing import Optional

from pydantic import BaseModel, Field, field_validator
from syft_event import EventRouter, Request, Response, SyftEvents

box = SyftEvents("python-crud")
notes = EventRouter()


class Draft(BaseModel):
    title: str = Field(min_length=1, max_length=80)
    text: str = ""
    tags: list[str] = []

    @field_validator("tags")
    @classmethod
    def sorted_once_each(cls, tags):
        return sorted({tag.strip().lower() for tag in tags})


class Note(Draft):
    id: int
    author: str
    changed: datetime


class Change(BaseModel):
    id: int
    title: Optional[str] = Field(None, min_length=1, max_length=80)
    text: Optional[str] = None


class Chosen(BaseModel):
    id: int


class Query(BaseModel):
    tag: Optional[str] = None


def own(request):
    """Returns the notes of the sender, by their numbers."""
    return box.state.get(request.sender, {})


def missing(number):
    return Response(body={"error": f"there is no note {number}"}, status_code=404)


@notes.on_request("/create")
def create(draft: Draft, request: Request):
    number = box.state.get("last", 0) + 1
    note = Note(
        **draft.model_dump(), id=number, author=request.sender, changed=datetime.now(timezone.utc)
    )
    box.state["last"] = number
    box.state[request.sender] = {**own(request), number: note}
    return Response(body=note, status_code=201)


@notes.on_request("/read")
def read(chosen: Chosen, request: Request):
    return own(request).get(chosen.id) or missing(chosen.id)


@notes.on_request("/update")
def update(change: Change, request: Request):
    note = own(request).get(change.id)
    if note is None:
        return missing(change.id)
    changes = change.model_dump(exclude_unset=True) | {"changed": datetime.now(timezone.utc)}
    changed = note.model_copy(update=changes)
    box.state[request.sender] = {**own(request), note.id: changed}
    return changed


@notes.on_request("/delete")
def delete(chosen: Chosen, request: Request):
    kept = dict(own(request))
    if kept.pop(chosen.id, None) is None:
        return missing(chosen.id)
    box.state[request.sender] = kept
    return Response(status_code=204)


@notes.on_request("/list")
def list_notes(query: Query, request: Request) -> list[Note]:
    return [note for note in own(request).values() if query.tag in (None, *note.tags)]


box.include_router(notes, prefix="/notes")

if __name__ == "__main__":
    box.run_forever()
