"""Recommends books: an app of FastAPI whose endpoints with the tag `syftbox` others call over SyftBox."""

from contextlib import asynccontextmanager

import uvicorn
from fastapi import Depends, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastsyftbox import FastSyftBox
from pydantic import BaseModel, Field


class Book(BaseModel):
    title: str
    author: str
    pages: int = Field(gt=0)
    topics: list[str] = []


class Wish(BaseModel):
    topic: str = Field(min_length=2)
    max_pages: int = Field(default=500, gt=0)


class Title(BaseModel):
    title: str
    author: str


@asynccontextmanager
async def lifespan(app):
    app.state.books = [
        Book(title="Emma", author="Jane Austen", pages=474, topics=["love", "class"]),
        Book(title="Dune", author="Frank Herbert", pages=612, topics=["desert", "power"]),
        Book(title="Momo", author="Michael Ende", pages=227, topics=["time", "power"]),
    ]
    yield


app = FastSyftBox(app_name="books", syftbox_endpoint_tags=["syftbox"], lifespan=lifespan)
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
app.mount("/static", StaticFiles(directory="static"), name="static")


def books() -> list[Book]:
    return app.state.books


@app.get("/", response_class=HTMLResponse)
def page(books: list[Book] = Depends(books)):
    """The page at the web server, for the owner alone."""
    titles = "".join(f"<li>{book.title}</li>" for book in books)
    return f"<link rel='stylesheet' href='/static/style.css'><ul>{titles}</ul>"


@app.post("/recommend", tags=["syftbox"], response_model=list[Title])
def recommend(wish: Wish, books: list[Book] = Depends(books)):
    """Returns books about a topic; what a caller does not need to know is left out."""
    fit = [b for b in books if wish.topic in b.topics and b.pages <= wish.max_pages]
    if not fit:
        raise HTTPException(status_code=404, detail=f"no book about {wish.topic}")
    return fit


@app.get("/book", tags=["syftbox"])
async def book(title: str, books: list[Book] = Depends(books)) -> Book:
    """Returns a book by its title: `…/rpc/book?title=Momo`."""
    for each in books:
        if each.title == title:
            return each
    raise HTTPException(status_code=404, detail="no such book", headers={"X-Books": str(len(books))})


@app.put("/book", tags=["syftbox"], status_code=201)
async def suggest(book: Book, request: Request):
    """Keeps a suggestion, in the state of the app."""
    state = request.state.box_app.state
    suggestions = state.get("suggestions", [])
    state["suggestions"] = [*suggestions, book.title]
    return JSONResponse({"from": request.state.sender, "n": len(suggestions) + 1}, status_code=201)


if __name__ == "__main__":
    uvicorn.run("app:app", port=8080)
