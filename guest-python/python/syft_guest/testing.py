"""Tests of a program, which `syft-host test` runs in the sandbox.

    from syft_guest.testing import App

    def test_greets():
        assert App().call("/hello", {"name": "Ada"}).text == "Hello, Ada!"

Functions whose names begin with `test` are tests. Each has an instance of its own, in which the
program starts as in a call, with an empty state, and with files that are thrown away. Nothing of
the host's own is needed for that: the state is a dict.
"""

import ast
import base64
import contextlib
import datetime
import inspect
import io
import json
import sys
import traceback
import types
import uuid
from pathlib import Path

from syft_guest import apps, calls, failure_report, handlers, host, kept_files, loop, program
from syft_guest import replies, schedules, sent, start
from syft_guest.correspondence import Correspondence
from syft_guest.globs import DATASITES

CALLER = "caller@example.com"

_INTERNAL_ERROR = "Internal server error. Please try again later."
_MAX_SHOWN = 1_000
_MAX_OUTPUT = 64 << 10
_MAX_TRACEBACK = 16 << 10
_FILES = "__syft_files__"

# Messages that call forth messages without end are ended.
_MAX_REPLIES = 1_000

# The names of all tests, where the host runs tests.
_names = frozenset()

_correspondence = Correspondence()


class App:
    """The program of the test: its endpoints, its watches and its state."""

    def __init__(self):
        # Why the last call was answered with 500, which its caller does not learn.
        self.failure = None

    @property
    def state(self):
        """What the app keeps: `box.state`."""
        return apps.all_apps()[0].state

    @property
    def datasites(self):
        """The folder of all datasites."""
        return Path(DATASITES)

    @property
    def folder(self):
        """The app's own folder, which is the current one."""
        return self.datasites / host.datasite() / "app_data" / host.app()

    def call(
        self,
        endpoint,
        body=None,
        *,
        sender=CALLER,
        proof="folder",
        method="POST",
        headers=None,
        query="",
    ):
        """Calls an endpoint as somebody else does, and returns the answer. Text and bytes are a
        body as they are, all else is written as JSON. `proof` is what `sender_proof` returns."""
        path = "/" + endpoint.strip("/")
        app, bound = _bound(path)
        url = f"syft://{host.datasite()}/app_data/{host.app()}/rpc{path}"
        message = types.SimpleNamespace(
            id=str(uuid.uuid4()),
            sender=sender,
            sender_proof=types.SimpleNamespace(name=proof.upper()),
            url=f"{url}?{query}" if query else url,
            method=types.SimpleNamespace(name=method),
            headers=list((headers or {}).items()),
            body=_body(body),
        )
        self.failure = None
        before = _settle()
        try:
            answer = Answer(*calls.answer_by(app, bound, message))
        except calls.InvalidArguments as error:
            _go_back(before)
            return Answer(400, [], f"Invalid request schema: {error}".encode())
        except calls.Failed as error:
            _go_back(before)
            self.failure = error
            print(f"{bound.name} failed with {error.kind}: {error}", file=sys.stderr)
            return Answer(500, [], _INTERNAL_ERROR.encode())
        _take_replies()
        return answer

    def deliver(self, watch, path, kind="created", moved_from=None):
        """Tells a watch of an event, as if its patterns matched. Paths begin with a datasite. What
        the watch raises is raised here."""
        for _, bound in handlers.watches():
            if bound.function is watch:
                _do(bound.call, kind, path, moved_from)
                _take_replies()
                return
        raise LookupError(f"{watch!r} is no function that watches: give it box.watch")

    def due(self, function, at=None, attempt=1):
        """Calls the function of a schedule, as if a time of it had come: now, if none is given.
        What the function raises is raised here."""
        at = at or datetime.datetime.now(datetime.timezone.utc)
        for one in schedules.all_schedules():
            if one.function is function:
                _do(one.call, schedules.Due(str(uuid.uuid4()), one.name, at, attempt))
                _take_replies()
                return
        raise LookupError(f"{function!r} has no schedule: write @schedule or @every above it")

    @property
    def sent(self):
        """The messages that the program has sent, which have `url`, `method`, `headers`, `body`,
        `text`, `json()`, `encrypt` and `timeout`."""
        return list(_correspondence.sent)

    def answer(self, url, body=None, *, status=200, headers=None):
        """Has messages to a URL answered, in which `*` stands for anything: with a body, or by what
        a function returns for the message. Without it they have no answer yet."""

        def answered(message):
            said = body(message) if callable(body) else body
            if isinstance(said, host.Outcome):
                return said
            return host.Outcome("answered", status, dict(headers or {}), _body(said))

        _correspondence.answer(url, answered)

    def reply(self, message, body=None, *, status=200, headers=None):
        """Answers one of the messages that were sent, and has its handler take the answer, if it
        has one. What the handler raises is raised here."""
        _end(message, host.Outcome("answered", status, dict(headers or {}), _body(body)))

    def expire(self, message):
        """Has the time be up for one of the messages that were sent, as `reply`."""
        _end(message, host.Outcome("expired"))

    def reject(self, message, reason="the receiver does not take it"):
        """Has one of the messages that were sent refused, as `reply`."""
        _end(message, host.Outcome("rejected", reason=reason))


class Answer:
    """What a caller gets."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = dict(headers)
        self.body = None if body is None else bytes(body)

    @property
    def text(self):
        return (self.body or b"").decode()

    def json(self):
        return json.loads(self.body or b"")

    def __repr__(self):
        return f"Answer({self.status}, {_shown(self.text if self.body else None)})"


def files(contents):
    """Has files there before a test begins, whether the app may write them or not: a dict of paths,
    which begin with a datasite, and what is in them, text or bytes."""

    def mark(function):
        setattr(function, _FILES, {**getattr(function, _FILES, {}), **contents})
        return function

    return mark


class _Bucket:
    """The state of a test."""

    kept = {}

    def get(self, key):
        return self.kept.get(key)

    def set(self, key, value):
        self.kept[key] = value

    def delete(self, key):
        self.kept.pop(key, None)

    def items(self, prefix=""):
        return [pair for pair in self.kept.items() if pair[0].startswith(prefix)]


def _settle():
    """Keeps what the test itself has put into the state, and has the next call read it anew. Returns
    what there is before it."""
    for app in apps.all_apps():
        app._state.flush()
        app._state.forget()
    sent.flush()
    sent.forget()
    return dict(_Bucket.kept), len(_correspondence.sent)


def _go_back(before):
    """A call that fails keeps nothing, and sends nothing."""
    kept, n_sent = before
    _Bucket.kept.clear()
    _Bucket.kept.update(kept)
    _correspondence.go_back(n_sent)
    sent.forget()
    for app in apps.all_apps():
        app._state.forget()


def _do(function, *args):
    """Calls a function as the host does."""
    before = _settle()
    try:
        function(*args)
        calls.flush()
    except BaseException:
        _go_back(before)
        raise


def _end(message, outcome):
    if message not in _correspondence.sent:
        raise LookupError(f"{message!r} is no message that was sent: take one of app.sent")
    if message.outcome is not None:
        raise LookupError(f"it is known already what became of {message!r}")
    message.outcome = outcome
    if message._handler is not None:
        _take(message)
    _take_replies()


def _take(message):
    name, message._handler = message._handler, None
    _do(replies.take, message.id, message.url, name, message._context, message.outcome)


def _take_replies():
    """Has handlers take the answers that the test has given beforehand."""
    for _ in range(_MAX_REPLIES):
        waiting = [message for message in _correspondence.sent if message._handler is not None]
        for message in waiting:
            _correspondence.settle(message)
        ended = [message for message in waiting if message.outcome is not None]
        if not ended:
            return
        _take(ended[0])
    raise RecursionError(f"more than {_MAX_REPLIES} replies call forth one another")


def _bound(path):
    known = []
    for app, endpoint in handlers.endpoints():
        if endpoint.path == path:
            handlers.prepare_one(endpoint)
            return app, endpoint
        known.append(endpoint.path)
    raise LookupError(f"the app has no endpoint {path}: there are {', '.join(known) or 'none'}")


def _body(body):
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body, ensure_ascii=False).encode()


# Below is what the host asks for.


def listed(folder, names):
    """Returns the tests of some files in a folder, as the host takes them."""
    tests = []
    for file in names:
        try:
            module = _load(file, Path(folder, file).read_bytes(), f"{folder}/{file}")
            tests += [
                {"name": f"{file}::{name}", "files": _planted(function)}
                for name, function in _tests(module)
            ]
        except BaseException as error:
            tests.append({"name": file, "error": failure_report.report(error, folder)})
    return tests


def take(names):
    """Says which tests there are."""
    global _names
    _names = frozenset(names)


def is_test(name):
    return name in _names


def run(name):
    """Runs a test, and returns as JSON how it went."""
    file, _, function = name.partition("::")
    output = []
    host.Bucket = _Bucket
    _correspondence.install()
    said = {"failure": None}
    with _captured(output):
        try:
            calls.begin(lambda: None)
            module = _load(file, kept_files.read(f"{program.FOLDER}/{file}"), f"{start.own_folder()}/{file}")
            result = dict(_tests(module))[function]()
            if inspect.isawaitable(result):
                loop.run(result)
        except calls.Failed as error:
            said["failure"] = str(error)
        except BaseException as error:
            said["failure"] = _told(error)
    said["output"] = _cut("".join(output), _MAX_OUTPUT)
    return json.dumps(said).encode("utf-8", "replace")


def _load(file, source, path):
    """Runs the module of a test file."""
    name = Path(file).stem
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    tree = _Asserts().visit(ast.parse(source, file))
    exec(compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True), module.__dict__)
    return module


def _tests(module):
    """Yields the tests of a module in their order."""
    for name, value in vars(module).items():
        is_own = getattr(value, "__module__", None) == module.__name__
        if name.startswith("test") and inspect.isfunction(value) and is_own:
            needed = [
                parameter.name
                for parameter in inspect.signature(value).parameters.values()
                if parameter.default is parameter.empty and parameter.kind < parameter.VAR_POSITIONAL
            ]
            if needed:
                error = TypeError(
                    f"{name} has the parameter {needed[0]}, and nothing gives it: there are no "
                    "fixtures. Write app = App() in the test"
                )
                # Where it is, since the error comes from none of the author's lines.
                error.handler = value
                raise error
            yield name, value


def _planted(function):
    planted = {}
    for path, content in getattr(function, _FILES, {}).items():
        data = content.encode() if isinstance(content, str) else bytes(content)
        planted[str(path)] = base64.b64encode(data).decode()
    return planted


def _told(error):
    """Returns an error with the author's part of the way to it."""
    trace = calls.own_part(error)
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        text = f"{type(error).__name__}: an error that cannot say what it is"
    return text[-_MAX_TRACEBACK:]


class _Tee(io.TextIOBase):
    """Writes to the host's log, and keeps what is written."""

    def __init__(self, stream, output):
        self._stream, self._output = stream, output

    def write(self, text):
        self._output.append(text)
        return self._stream.write(text)

    def flush(self):
        self._stream.flush()


@contextlib.contextmanager
def _captured(output):
    """Keeps what is printed and logged."""
    before = sys.stdout, sys.stderr, host.write_log

    def write_log(level, message):
        output.append(f"{level}: {message}\n")
        before[2](level, message)

    sys.stdout, sys.stderr = _Tee(before[0], output), _Tee(before[1], output)
    host.write_log = write_log
    try:
        yield
    finally:
        sys.stdout, sys.stderr, host.write_log = before


_SIGNS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class _Asserts(ast.NodeTransformer):
    """Has an `assert` that compares two values say what they are."""

    def visit_Assert(self, node):
        test = node.test
        if node.msg is not None or not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return node
        names = "@left", "@right"
        sign = _SIGNS[type(test.ops[0])]
        values = [ast.Name(name, ast.Load()) for name in names]
        told = ast.Call(ast.Name("@told", ast.Load()), [*values, ast.Constant(sign)], [])
        with_values = ast.Compare(values[0], test.ops, [values[1]])
        steps = [
            ast.ImportFrom("syft_guest.testing", [ast.alias("told", "@told")], 0),
            ast.Assign([ast.Name(names[0], ast.Store())], test.left),
            ast.Assign([ast.Name(names[1], ast.Store())], test.comparators[0]),
            ast.Assert(with_values, told),
        ]
        return [ast.copy_location(step, node) for step in steps]


def told(left, right, sign):
    """Returns what an `assert` says that does not hold."""
    return f"left {sign} right does not hold\n  left:  {_shown(left)}\n  right: {_shown(right)}"


def _shown(value):
    try:
        return _cut(repr(value), _MAX_SHOWN)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


def _cut(text, limit):
    return text if len(text) <= limit else text[:limit] + "…"
