"""Where a program's text sends HTTP requests, for a program that has no manifest."""

import ast
import re

MAX_ORIGINS = 16

_CLIENTS = {"aiohttp", "anthropic", "groq", "http", "httpx", "ollama", "openai", "requests", "urllib"}
# Where a client sends its requests if it is told nothing else.
_DEFAULTS = {
    "anthropic": "https://api.anthropic.com",
    "groq": "https://api.groq.com",
    "ollama": "http://localhost:11434",
    "openai": "https://api.openai.com",
}
_ORIGIN = re.compile(r"(https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)(?=[/?#]|$)")
# Names of documents, to which nothing is sent.
_NAMES = ("www.w3.org", "json-schema.org", "schemas.", "purl.org", "xmlns.com")


def origins(trees, imported):
    """Returns where requests go, as far as that is plain to see."""
    found, clients, says_where = set(), set(), False
    for tree in trees:
        clients |= _CLIENTS & set(imported(tree))
        open_ended = _open_ended(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in ("base_url", "host"):
                says_where = True
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(_in_text(node.value, id(node) in open_ended))
    if not clients:
        return []
    if not says_where:
        found.update(_DEFAULTS[client] for client in clients if client in _DEFAULTS)
    return sorted(found)[:MAX_ORIGINS]


def _in_text(text, is_open_ended):
    match = _ORIGIN.match(text)
    if match is None or (is_open_ended and match.end() == len(text)):
        return
    if not match[1].split("//")[1].startswith(_NAMES):
        yield match[1]


def _open_ended(tree):
    """Returns the parts of f-strings that something follows."""
    return {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values[:-1]
    }
