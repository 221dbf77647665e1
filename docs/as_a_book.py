"""Preprocessor of mdBook: makes a book of pages that are read on the code host, too.

There, a link to what is no page of the book is a path in the repository; in the book it leads to the
code host. And each decision is a chapter, in the order of their list, without being in SUMMARY.md."""

import json
import re
import sys
from pathlib import Path
from posixpath import dirname, join, normpath

CODE_HOST = "https://github.com/OpenMined/syft-host/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)")
DECISION = re.compile(r"^\d+\. \[.*\]\((.*)\)$", re.M)
DECISIONS = "decisions/README.md"


def chapters(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            yield chapter
            yield from chapters(chapter["sub_items"])


def add_decisions(parent, pages):
    for nth, name in enumerate(DECISION.findall(parent["content"]), 1):
        path = join("decisions", name)
        text = (pages / path).read_text()
        chapter = parent | {
            "name": text.partition("\n")[0].removeprefix("# "),
            "content": text,
            "number": parent["number"] and parent["number"] + [nth],
            "sub_items": [],
            "path": path,
            "source_path": path,
            "parent_names": [parent["name"]],
        }
        parent["sub_items"].append({"Chapter": chapter})


def link_in_book(page, pages, link):
    path, mark, heading = link.partition("#")
    target = normpath(join(dirname(page), path))
    if "://" in path or not path:
        return link
    if target in pages:
        # mdBook makes an index of a README, and leaves links to it as they are.
        return re.sub(r"README\.md$", "index.md", path) + mark + heading
    return CODE_HOST + normpath(join("docs", target)) + mark + heading


def main():
    context, book = json.load(sys.stdin)
    for chapter in chapters(book["items"]):
        if chapter["source_path"] == DECISIONS:
            add_decisions(chapter, Path(context["root"]))
    pages = {chapter["source_path"] for chapter in chapters(book["items"])}
    for chapter in chapters(book["items"]):
        page, text = chapter["source_path"], chapter["content"]
        chapter["content"] = LINK.sub(lambda link: f"]({link_in_book(page, pages, link[1])})", text)
    json.dump(book, sys.stdout)


# Before it sends the book, mdBook asks `supports html`: it is for any kind of output.
if sys.argv[1:2] != ["supports"]:
    main()
