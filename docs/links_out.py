"""Preprocessor of mdBook: links from a page to what is no page of the book lead to the code host.

The pages are read there too, where such links are paths in the repository."""

import json
import re
import sys
from posixpath import dirname, join, normpath

CODE_HOST = "https://github.com/OpenMined/syft-host/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def chapters(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            yield chapter
            yield from chapters(chapter["sub_items"])


def link_out(page, pages, link):
    path, mark, heading = link.partition("#")
    target = normpath(join(dirname(page), path))
    if "://" in path or not path:
        return link
    if target in pages:
        # mdBook makes an index of a README, and leaves links to it as they are.
        return re.sub(r"README\.md$", "index.md", path) + mark + heading
    return CODE_HOST + normpath(join("docs", target)) + mark + heading


def main():
    _, book = json.load(sys.stdin)
    pages = {chapter["source_path"] for chapter in chapters(book["items"])}
    for chapter in chapters(book["items"]):
        page = chapter["source_path"]
        text = chapter["content"]
        chapter["content"] = LINK.sub(lambda link: f"]({link_out(page, pages, link[1])})", text)
    json.dump(book, sys.stdout)


# Before it sends the book, mdBook asks `supports html`: it is for any kind of output.
if sys.argv[1:2] != ["supports"]:
    main()
