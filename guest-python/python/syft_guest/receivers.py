"""To whom a program's text sends messages, for a program that has no manifest."""

import ast
import re

from syft_guest.cannot import Names

MAX_RECEIVERS = 16

_SENDERS = (
    "syft_rpc.send",
    "syft_rpc.broadcast",
    "syft_rpc.rpc.send",
    "syft_rpc.rpc.broadcast",
)
_MAKERS = ("syft_rpc.rpc.make_url",)
# More parts than this are none of a URL.
_MAX_PARTS = 32
# What is not plain to see in a text, as what `format` and `%` put into it.
_UNCLEAR = "\0"
_PUT_IN = re.compile(r"\{[^{}]*\}|%s")
_ENDPOINT = re.compile(r"syft://([^/?#]+)/app_data/([^?#]+?)/rpc/+([^?#]*[^?#/])")
# What means something else in a pattern.
_SPECIAL = re.compile(r"[*?\[\]\\]|\{(?!datasite\})")


def receivers(trees, texts):
    """Returns the patterns of a manifest under which the messages may be sent that are plain to
    see, and the file and line of a first message where there are none.

    Who receives it, and the endpoint, may be unclear; the app has to be plain.
    """
    found, senders = set(), []
    for file, tree in sorted(trees.items()):
        names, parts = Names(tree), set()
        for node in ast.walk(tree):
            name = names.of(node.func) if isinstance(node, ast.Call) else None
            if name in _SENDERS:
                senders.append([file, node.lineno])
            elif name in _MAKERS:
                found.add(_pattern(_made(node, texts)))
            elif isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) and id(node) not in parts:
                # The parts of a text are no texts of their own.
                parts.update(id(part) for part in ast.walk(node))
                found.add(_pattern(_whole(node, texts)))
    found.discard(None)
    if not senders:
        return [], None
    return sorted(found)[:MAX_RECEIVERS], None if found else senders[0]


def _made(call, texts):
    """Returns the URL that a call of `make_url` makes."""
    names = ("datasite", "app_name", "endpoint")
    given = dict(zip(names, call.args)) | {each.arg: each.value for each in call.keywords}
    datasite, app, endpoint = (_text(given.get(name), texts) for name in names)
    return f"syft://{datasite}/app_data/{app}/rpc/{endpoint}"


def _whole(node, texts):
    try:
        return _text(node, texts)
    except RecursionError:
        return _UNCLEAR


def _text(node, texts):
    """Returns the text of an expression, with a mark for each part that is not plain to see."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, texts) for part in node.values[:_MAX_PARTS])
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, texts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, texts) + _text(node.right, texts)
    if isinstance(node, ast.BinOp):
        return _text(node.left, texts)
    text = None if node is None else texts.of(node)
    if text is None:
        return _UNCLEAR
    return _PUT_IN.sub(_UNCLEAR, text) if isinstance(node, ast.Constant) else text


def _pattern(url):
    match = _ENDPOINT.match(url)
    if match is None or _UNCLEAR in match[2] or _SPECIAL.search(match[0]):
        return None
    datasite, app, endpoint = match[1], match[2], match[3]
    if endpoint.split("/")[-1] == _UNCLEAR:
        # It may stand for more than one name.
        endpoint = endpoint.removesuffix(_UNCLEAR) + "**"
    return f"{datasite}/app_data/{app}/rpc/{endpoint}".replace(_UNCLEAR, "*")
