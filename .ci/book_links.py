"""Fails if a link within a folder of HTML leads nowhere: `book_links.py FOLDER`."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the names to which links may lead."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names = set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
            if name == "id":
                self.names.add(value)


def broken(pages):
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            names = pages[target].names if target in pages else {""}
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in names):
                yield f"{path}: {link}"


folder = Path(sys.argv[1]).resolve()
# These two have the links of all pages once more, from a place that is not theirs.
others = {"404.html", "print.html", "toc.html"}
paths = [path for path in folder.rglob("*.html") if path.name not in others]
found = sorted(broken({path: Page(path) for path in paths}))
print("\n".join(found) or f"{len(paths)} pages, and all their links lead somewhere")
sys.exit(bool(found))
