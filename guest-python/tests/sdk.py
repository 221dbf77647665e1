"""The SDK of Python programs by itself, without a component: fast, and by any Python."""

import asyncio
import contextlib
import faulthandler
import io
import json
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from syft_guest import alone, analyse, apps, asgi, calls, failure_report, host, log, loop, memory
from syft_guest import program, replies, schedules, sent, start, state
from syft_guest.web import wire
from watchdog import events

for part in (alone, loop, log, start, state):
    part.install()

# What this Python has is none of a program's, and much to read for each of them.
program.package_folders = list
program.LIBRARY = ()

BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__] = function
    return function


STORE = {}


class Bucket:
    """A store without a host."""

    writes = []

    def get(self, key):
        return STORE.get(key)

    def set(self, key, value):
        self.writes.append(key)
        STORE[key] = value

    def delete(self, key):
        self.writes.append(key)
        STORE.pop(key, None)

    def items(self, prefix=""):
        return [pair for pair in STORE.items() if pair[0].startswith(prefix)]


host.Bucket = Bucket
host.datasite = lambda: "owner@example.com"
host.app = lambda: "app"
LOGGED = []
BUILDS = tempfile.mkdtemp()
host.write_log = lambda level, message: LOGGED.append((level, message))


def load(text, **others):
    """Runs a program as when it is built; returns what is reported, if it fails."""
    apps.clear()
    asgi.clear()
    replies.clear()
    schedules.clear()
    host.is_call = host.is_handling = alone.has_started = False
    folder = tempfile.mkdtemp(dir=BUILDS)
    start.FOLDER = f"{tempfile.mkdtemp(dir=BUILDS)}/syft_start"
    program.FOLDER = folder
    program.NAME = f"{folder}/name"
    program.APP = f"{folder}/app"
    program.PLAN = f"{folder}/plan"
    Path(program.NAME).write_text("my-app.py")
    for name, content in {"my-app.py": text, **others}.items():
        Path(folder, name).write_text(content)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        program.load()
    lines = [line for line in said.getvalue().splitlines() if line.startswith(failure_report.ERROR)]
    return json.loads(lines[0].removeprefix(failure_report.ERROR)) if lines else None


def loaded(text):
    report = load(text)
    assert report is None, report
    return apps.all_apps()[0]


def fresh(app):
    """Stands for a fresh instance: the state knows nothing of the store."""
    host.is_call = host.is_handling = True
    Bucket.writes = []
    initial = app._state._initial
    app._state = state.State()
    app._state._initial = initial
    sent.forget()
    return app._state


def answer(app, endpoint, body, **fields):
    """Calls an endpoint as the host does, in a fresh instance. Returns status, headers and body."""
    known = {"id": "x", "sender": "a@b.c", "url": "syft://a@b.c/x", "headers": []}
    known["sender_proof"] = types.SimpleNamespace(name="FOLDER")
    method = types.SimpleNamespace(name="POST")
    message = {**known, "endpoint": endpoint, "body": body.encode(), "method": method, **fields}
    fresh(app)
    return calls.answer(types.SimpleNamespace(**message))


HEAD = "from syft_event import *\nbox = SyftEvents('app')\n"


@behaviour
def what_cannot_be_served_is_reported_with_its_line():
    for text, kind, message, line, hint in [
        ("", "NoApp", "the program makes no SyftEvents", 0, "box = SyftEvents"),
        (HEAD, "NoApp", "the program binds no handler", 0, "on_request"),
        ("import nowhere", "ModuleNotFoundError", "No module named 'nowhere'", 1, "requirements"),
        ("\nimport numpy.linalg", "ModuleNotFoundError", "'numpy'", 2, "native code"),
        (HEAD + "raise OSError('x')", "OSError", "x", 3, None),
        (HEAD + "while True print()", "SyntaxError", "invalid syntax", 3, None),
        (HEAD + "SyftEvents('other')", "ValueError", "makes two apps, 'app' and 'other'", 3, None),
        (HEAD + "@box.on_request('/a*')\ndef f(): pass", "ValueError", "wildcards", 3, None),
        (HEAD + "box.on_request('/a')(5)", "TypeError", "is no function", 3, None),
        (HEAD + "@box.on_request('/a')\ndef f(x: 'No'): pass", "NameError", "'No'", 3, None),
        (HEAD + "@box.watch(5)\ndef f(event): pass", "TypeError", "5 is no glob", 3, None),
        (HEAD + "@box.watch('*', [int])\ndef f(e): pass", "TypeError", "no class of events", 3, None),
        (
            HEAD + "box.on_request('/a')(len)\nbox.on_request('a/')(abs)",
            *("ValueError", "two handlers for /a: len and abs", 4, None),
        ),
        ("from syft_event import SyftEvents\nSyftEvents('a', cleanup_expiry='x')", *("ValueError", "Invalid time interval", 2, None)),
        ("import sys\nsys.exit('no')", "SystemExit", "no", 2, None),
    ]:
        report = load(text)
        assert report, text
        assert (report["kind"], report["line"]) == (kind, line), (text, report)
        assert message in report["message"], (text, report)
        assert (hint or "") in (report["hint"] or ""), (text, report)
        assert report["file"] == ("my-app.py" if line else None), report


def analysed(text, included=(), **others):
    folder = tempfile.mkdtemp()
    for name, content in {"app.py": text, **others}.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return analyse.analyse(folder, "app.py", included)


@behaviour
def a_file_that_is_missing_at_the_start_is_one_line_and_a_hint():
    of_others = "(box.client.datasites / 'bob@example.org/public/a.csv').read_text()"
    for line, path, hint in [
        (of_others, "'/datasites/bob@example.org/public/a.csv'", 'read = ["bob@example.org/public/a.csv"]'),
        ("open('words.txt')", "'words.txt'", "--include words.txt"),
        ("open('/etc/no-such-file')", "'/etc/no-such-file'", "no files of the machine"),
    ]:
        report = load(f"{HEAD}{line}\n")
        assert report["message"].endswith(f"No such file or directory: {path}"), report
        assert hint in report["hint"], report
        assert (report["line"], report["traceback"]) == (3, ""), report
    # What does not come from a line of the author's is shown with all that led to it.
    assert "Traceback" in load("raise OSError('x')")["traceback"]
    own = "(box.client.my_datasite / 'app_data/app/notes').mkdir(parents=True, exist_ok=True)\n"
    assert load(f"{HEAD}{own}@box.on_request('/a')\ndef a(): pass\n") is None


@behaviour
def the_text_says_what_a_program_is():
    name = "NAME = 'mon' + 'itor'\nbox = syft_event.SyftEvents(app_name=NAME)\n"
    found = analysed(
        f'"""Watches.\n\nMore."""\n{name}'
        "@box.watch(['*.{json,txt}', f'{box.client.email}/a/*', '!b', compute()])\ndef f(e): pass\n"
        "@box.watch('{{datasite}}/[ab]/')\ndef g(e): pass\n"
    )
    assert found["name"] == "monitor" and found["description"] == "Watches.", found
    assert found["n_hidden_watches"] == 1
    reads = ["**/*.json", "**/*.txt", "{datasite}/?/**", "{datasite}/a/*"]
    assert found["reads"] == reads, found
    assert analysed("box = SyftEvents(name())")["name"] is None
    served = analysed("app = FastSyftBox('books')\nif True:\n    uvicorn.run(app)\n")
    assert (served["name"], served["web_server"]) == ("books", ["app.py", 3]), served
    assert found["web_server"] is None


@behaviour
def files_of_a_program_are_what_it_imports_and_what_is_included():
    found = analysed(
        "import json, near, packed, papers\nfrom far import x\nopen('data/known.txt'); open('../up.txt')",
        ["data/included.txt"],
        **{
            "near.py": "def f():\n    import late",
            "late.py": "",
            "unused.py": "",
            "packed/__init__.py": "",
            "packed/part.py": "",
            "packed/table.csv": "",
            "packed/.hidden": "",
            "papers/code.py": "",
            "papers/taxes.txt": "",
            "data/known.txt": "",
            "data/included.txt": "",
            "data/unknown.txt": "",
            ".env": "SECRET=1",
        },
    )
    expected = """
        app.py data/included.txt late.py near.py packed/__init__.py packed/part.py
        packed/table.csv papers/code.py
    """
    assert found["files"] == expected.split(), found["files"]
    assert found["left_out"] == ["data/known.txt"], found["left_out"]


@behaviour
def a_text_that_grows_without_end_is_not_followed():
    lines = ["a0 = 'x' * 10"] + [f"a{n} = f'{{a{n - 1}}}{{a{n - 1}}}'" for n in range(1, 200)]
    text = "\n".join(lines) + "\nbox = SyftEvents(a199)\n@box.watch(a199)\ndef f(e): pass\n"
    found = analysed(text)
    assert (found["name"], found["n_hidden_watches"]) == (None, 1), found
    found = analysed("a = b\nb = a\nSyftEvents(a)")
    assert found["name"] is None


@behaviour
def programs_may_end_in_any_way():
    handler = "@box.on_request('/a')\ndef f(): return 'a'\n"
    for end in [
        "box.run_forever()",
        "if __name__ == '__main__':\n    box.run_forever()",
        "import sys\nbox.start()\nsys.exit(0)",
        "import time\nbox.start()\nwhile True: time.sleep(1)",
        "import time\nbox.start()\ntry:\n    while True: time.sleep(1)\nexcept KeyboardInterrupt:\n    box.stop()",
        "import threading\nbox.start()\nthreading.Event().wait()",
        "import threading\nthreading.Thread(target=box.run_forever, daemon=True).start()",
        "import threading, time\ndef tick():\n    while True: time.sleep(60)\nthreading.Thread(target=tick).start()",
        "import asyncio\nasync def main():\n    box.start()\n    while True: await asyncio.sleep(1)\nasyncio.run(main())",
        "import importlib\nassert importlib.import_module('my-app').box is box",
    ]:
        app = loaded(HEAD + handler + end)
        assert list(app._endpoints) == ["/a"], end
        sys.modules.pop("my-app")


WEB_APP = """
import asyncio, threading, uvicorn
BEGUN = []
async def app(scope, receive, send):
    assert scope["type"] == (await receive())["type"].partition(".")[0] == "lifespan"
    # As in a thread, where no loop runs yet.
    BEGUN.append(await asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(0, "begun"))))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    BEGUN.append("ended")
"""


@behaviour
def web_apps_are_started_and_not_served():
    handler = "@box.on_request('/a')\ndef f(): return 'a'\n"
    for end in [
        "uvicorn.run(app)",
        "uvicorn.run('my-app:app', host='0.0.0.0', port=80, reload=True)\nuvicorn.run(app)",
        "uvicorn.run(lambda: app, factory=True)",
        "uvicorn.Server(uvicorn.Config(app, port=80)).run()",
        "asyncio.run(uvicorn.Server(uvicorn.Config(app)).serve())",
        "threading.Thread(target=uvicorn.run, args=(app,)).start()\nbox.run_forever()",
        "async def main():\n    await asyncio.gather(uvicorn.Server(uvicorn.Config(app)).serve(), "
        "asyncio.to_thread(box.run_forever))\nasyncio.run(main())",
    ]:
        app = loaded(HEAD + handler + WEB_APP + end)
        assert list(app._endpoints) == ["/a"], end
        assert sys.modules["__main__"].BEGUN == ["begun"], end
        sys.modules.pop("my-app")
    without = "async def app(scope, receive, send):\n    raise KeyError(scope)\n"
    loaded(HEAD + handler + "import uvicorn\n" + without + "uvicorn.run(app)")


@behaviour
def a_web_app_that_does_not_start_is_reported_with_its_line():
    report = load(
        "import uvicorn\n"
        "async def app(scope, receive, send):\n"
        "    try:\n"
        "        raise ValueError('no books')\n"
        "    except ValueError:\n"
        "        await send({'type': 'lifespan.startup.failed', 'message': ''})\n"
        "        raise\n"
        "uvicorn.run(app)\n"
    )
    assert (report["kind"], report["message"]) == ("ValueError", "no books"), report
    assert (report["file"], report["line"]) == ("my-app.py", 4), report


@behaviour
def the_main_function_is_run():
    app = loaded(
        "from syft_event import SyftEvents\ndef main():\n    box = SyftEvents('app')\n"
        "    @box.on_request('/a')\n    def f(): pass\n    box.run_forever()\n"
        "if __name__ == '__main__':\n    main()"
    )
    assert list(app._endpoints) == ["/a"]


@behaviour
def modules_beside_a_program_win_over_those_of_python():
    report = load(
        HEAD + "import colorsys, late\nassert colorsys.OWN\nbox.on_request('/a')(late.f)",
        **{"colorsys.py": "OWN = 1", "late.py": "def f():\n    import later", "later.py": ""},
    )
    assert report is None, report
    assert "later" in sys.modules, "imported when the program is built"


@behaviour
def watches_are_told_in_the_host_s_way():
    for glob, expected in [
        ("{datasite}/**/*.json", "{datasite}/**/*.json"),
        ("{email}/a", "{email}/a"),
        ("{app_data}/x/*.txt", "{app_data}/x/*.txt"),
        ("guest@example.com/*.json", "guest@example.com/*.json"),
        ("**/*.json", "**/*.json"),
        ("*.json", "**/*.json"),
        ("a/b", "**/a/b"),
        ("public/", "**/public/"),
        ("/a@b.c/*", "/a@b.c/*"),
        ("", "**"),
        ("*.{{json,txt}}", "**/*.{json,txt}"),
        ("*.{json,txt}", "**/*.{json,txt}"),
        ("!**/b.json", "!**/b.json"),
        ("!b.json", "!**/b.json"),
    ]:
        app = loaded(HEAD + f"@box.watch({glob!r})\ndef f(event): pass")
        assert app._watches[0].patterns == [expected], (glob, app._watches[0].patterns)
    for glob, expected in [
        ("f'{box.client.email}/a/*'", "{datasite}/a/*"),
        ("str(box.client.my_datasite / 'a' / '*')", "{datasite}/a/*"),
        ("f'{box.app_dir}/*'", "{app_data}/*"),
    ]:
        app = loaded(HEAD + f"@box.watch({glob})\ndef f(event): pass")
        assert app._watches[0].patterns == [expected], (glob, app._watches[0].patterns)


@behaviour
def watches_get_the_events_that_they_ask_for():
    default = {"created", "modified", "moved"}
    for given, expected in [
        ("", default),
        (", None", default),
        (", [FileDeletedEvent]", {"deleted"}),
        (", event_filter=[FileMovedEvent, FileCreatedEvent]", {"moved", "created"}),
        (", [FileSystemEvent]", default | {"deleted"}),
        (", [FileClosedEvent]", {"created", "modified"}),
        (", [DirCreatedEvent]", set()),
    ]:
        head = "from watchdog.events import *\n" + HEAD
        app = loaded(head + f"@box.watch(['*']{given})\ndef f(event): pass")
        assert set(app._watches[0].kinds()) == expected, given


@behaviour
def watches_are_called_with_events_of_watchdog():
    app = loaded(
        HEAD + "seen = []\n@box.watch('*')\ndef f(event): seen.append(event)\n"
        "import asyncio\n@box.watch('*')\nasync def g(event):\n"
        "    await asyncio.sleep(0.01)\n    seen.append(event)\n"
        "@box.watch('*')\ndef h(event): box.state['path'] = event.src_path; raise OSError('no')"
    )
    seen = app._watches[0].function.__globals__["seen"]
    fresh(app)
    calls.deliver(0, "created", "a@b.c/x", None)
    calls.deliver(1, "moved", "a@b.c/y", "a@b.c/x")
    created, moved = seen
    assert type(created) is events.FileCreatedEvent and created.event_type == "created"
    assert (created.src_path, created.dest_path) == ("/datasites/a@b.c/x", "")
    assert not created.is_directory and not created.is_synthetic
    assert (moved.src_path, moved.dest_path) == ("/datasites/a@b.c/x", "/datasites/a@b.c/y")
    try:
        calls.deliver(2, "modified", "a@b.c/x", None)
        raise AssertionError("it failed")
    except calls.Failed as failed:
        assert (failed.kind, failed.handler) == ("OSError", "h"), failed
        assert failed.message.startswith("no\n\nTraceback")
    assert "path" not in STORE, "what fails changes nothing"
    told = [text for level, text in LOGGED if level == "warn"]
    assert len(told) == 1 and told[0].startswith("a handler changed seen, "), told


@behaviour
def the_state_writes_what_changed_and_nothing_else():
    app = loaded(
        HEAD + "import threading\n@box.on_request('/a')\ndef f(): pass\n"
        "box.state['n'] = 0\nbox.state['list'] = []\nbox.state['lock'] = threading.Lock()"
    )

    def call(change):
        box = fresh(app)
        result = change(box)
        box.flush()
        return result, Bucket.writes

    assert call(lambda s: (s["n"], s["list"], bool(s["lock"]))) == ((0, [], True), [])
    assert call(lambda s: s["list"].append(1)) == (None, ["list"])
    assert call(lambda s: s["list"]) == ([1], [])
    assert STORE == {"list": b"[1]"}
    assert call(lambda s: s.__setitem__("n", 0)) == (None, ["n"]), "written, though not read"
    assert call(lambda s: s.__setitem__("s", {3})) == (None, ["s"])
    assert call(lambda s: s["s"]) == ({3}, [])
    assert call(lambda s: s["s"].add(4)) == (None, ["s"])
    assert call(lambda s: s.pop("n")) == (0, ["n"])
    assert STORE["n"] == b"", "kept, so that it does not begin again"
    assert call(lambda s: "n" in s) == (False, [])
    assert call(lambda s: sorted(s)) == (["list", "lock", "s"], [])
    assert call(lambda s: s.pop("s")) == ({3, 4}, ["s"])
    assert "s" not in STORE
    assert call(lambda s: s.get("s", 5)) == (5, [])
    assert call(lambda s: s.update({5: "five"}))[0] is None
    assert call(lambda s: s[5]) == ("five", [])
    # A value that a Rust app of the same format wrote.
    STORE["count"] = b"41"
    assert call(lambda s: s.__setitem__("count", s["count"] + 1)) == (None, ["count"])
    assert STORE["count"] == b"42"
    text = {"a": "é\ud800", "b": 2**20000, "c": (1,), "d": float("nan")}
    for key, value in text.items():
        call(lambda s: s.__setitem__(key, value))
        found = call(lambda s: s[key])[0]
        assert found == value or value != value, key
    assert json.loads(json.dumps(fresh(app).copy()["list"])) == [1]
    assert call(lambda s: s.clear())[0] is None
    assert call(lambda s: dict(s)) == ({}, [])
    box = fresh(app)
    app.state = {"only": 1}
    box.flush()
    assert call(lambda s: dict(s)) == ({"only": 1}, [])


KEPT = HEAD + """
import collections, dataclasses, random
history = []
by_name = collections.defaultdict(list)
recent = collections.deque(maxlen=2)
seen = set()
total = 0
same = history
dice = random.Random(1)

class Chat:
    calls = 0
    def __init__(self):
        self.turns, self.history = [], history
        self.lock = __import__("threading").Lock()

@dataclasses.dataclass
class Turn:
    text: str
    chat: Chat

chat = Chat()

def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step

step = counter()

@box.on_request("/say")
def say(text: str, cache: dict = {}):
    global total, late
    history.append(text)
    by_name[text].append(len(history))
    recent.append(text)
    seen.add(text)
    total += 1
    late = total * 10
    Chat.calls += 1
    chat.turns.append(Turn(text, chat))
    cache[text] = cache.get(text, 0) + 1
    say.last = text
    with chat.lock:
        return (len(same), dict(by_name), list(recent), sorted(seen), total, late, Chat.calls,
                len(chat.turns), chat.turns[0].chat is chat, chat.history is history, step(),
                cache[text], say.last)
"""


@behaviour
def what_calls_change_in_memory_is_kept():
    """Each call begins with what the program's start left, as in a fresh instance."""
    STORE.clear()
    for count, text in enumerate(["a", "b", "a"], 1):
        loaded(KEPT)
        memory.is_kept, memory._bucket = True, None
        host.is_call = host.is_handling = True
        memory.begin()
        main = sys.modules["__main__"]
        said = main.say(text)
        memory.end()
        assert (said[0], said[4:8], said[8:11]) == (
            count, (count, count * 10, count, count), (True, True, count)
        ), said
        assert said[11] == (2 if count == 3 else 1), said
    assert said[1] == {"a": [1, 3], "b": [2]} and said[2] == ["b", "a"] and said[3] == ["a", "b"]
    assert list(STORE) == ["py:memory"], list(STORE)
    before = STORE["py:memory"]
    loaded(KEPT)
    host.is_call = host.is_handling = True
    memory.begin()
    memory.end()
    assert STORE["py:memory"] is before, "a call that changes nothing writes nothing"


@behaviour
def memory_that_cannot_be_kept_is_told():
    STORE.clear()
    for kept in (True, False, False):
        LOGGED.clear()
        loaded(HEAD + "names = {}\n@box.on_request('/x')\ndef x(): names['f'] = lambda: 1\n")
        memory.is_kept, memory._bucket = kept, None
        host.is_call = host.is_handling = True
        memory.begin()
        sys.modules["__main__"].x()
        memory.end()
        if kept:
            assert "names" in LOGGED[0][1] and STORE == {}, (LOGGED, STORE)
        elif "py:memory:told" in STORE and LOGGED:
            assert "names, which the next call finds as it was" in LOGGED[0][1], LOGGED
    assert LOGGED == [], "it is told once"
    memory.is_kept = False


@behaviour
def what_a_program_needs_is_read_from_its_text():
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "app.py")

        def said(text, key):
            program.write_text(text)
            return analyse.analyse(folder, "app.py", [])[key]

        for text, key, expected in [
            ("import requests, bs4, os, unheard_of", "usual", ["beautifulsoup4", "requests"]),
            ("# /// script\n# dependencies = ['a>1', 5, 'b']\n# ///\n", "declared", ["a>1", "b"]),
            ("# /// script\n# dependencies = [\n", "declared", []),
            ("# /// script\n# dependencies = 'x'\n# ///\n", "declared", []),
            ("import os\nos.environ['A_B']", "variables", ["A_B"]),
            ("import os\nos.environ['A_B'] = '1'\nos.getenv('PORT')", "variables", []),
            ("from os import getenv\ngetenv('X_TOKEN', '')", "variables", ["X_TOKEN"]),
            ("import requests\nU = 'https://api.x.org/v1'", "origins", ["https://api.x.org"]),
            ("U = 'https://api.x.org/v1'", "origins", []),
            ("import httpx\nU = f'http://a.b:{1}/'\nV = 'see http://c.d'", "origins", []),
            ("import ollama", "origins", ["http://localhost:11434"]),
            ("import openai\nopenai.OpenAI(base_url='http://a:1/v1')", "origins", ["http://a:1"]),
            ("import requests\nN = 'http://www.w3.org/2000/svg'", "origins", []),
        ]:
            assert said(text, key) == expected, (text, key, said(text, key))
        program.write_text("import requests")
        Path(folder, "pyproject.toml").write_text("[project]\ndependencies = ['c==2']\n")
        assert analyse.analyse(folder, "app.py", [])["declared"] == ["c==2"]
        Path(folder, "requests.py").write_text("")
        assert analyse.analyse(folder, "app.py", [])["usual"] == [], "the program's own"


@behaviour
def what_cannot_work_is_named_with_its_line():
    with tempfile.TemporaryDirectory() as folder:
        for text, name, line in [
            ("import subprocess\nsubprocess.run(['x'])", "subprocess.run", 2),
            ("from subprocess import run as r\n\nr('x')", "subprocess.run", 3),
            ("import os as o\no.system('x')", "os.system", 2),
            ("from flask import Flask\na = Flask('x')\na.run()", "flask.Flask.run", 3),
            ("import threading\nthreading.Thread(target=print)", "threading.Thread", 2),
            ("from syft_rpc import rpc\nrpc.send(url='x')", None, None),
            ("from syft_rpc.rpc import write_response as w\nw('x')", "syft_rpc.rpc.write_response", 2),
            ("input('?')", "input", 1),
            ("import os\nos.getcwd()\nrun = print\nrun()", None, None),
        ]:
            Path(folder, "app.py").write_text(text)
            noted = analyse.analyse(folder, "app.py", [])["cannot"]
            found = [(note["name"], note["line"]) for note in noted]
            assert found == ([(name, line)] if name else []), (text, noted)


@behaviour
def a_start_says_what_only_a_call_has():
    """Each line is run at the start of a program, and is one that a build can or cannot do."""
    for line, reason in [
        ("x = 1", None),
        ("import json; json.dumps({})", None),
        ("open(__file__).read()", "names its own file"),
        ("E = box.client.email", "uses the owner's email"),
        ("D = box.app_dir", "uses the owner's files"),
        ("import os; os.mkdir('made')", "changes files"),
        ("open('made', 'w').close()", "changes files"),
        ("from pathlib import Path; Path('made').exists()", "looks at files"),
        ("import os; os.getcwd()", "asks for the current folder"),
        ("import tempfile; tempfile.mkdtemp()", "changes files"),
        ("open('beside.txt').read()", None),
    ]:
        text = HEAD + "@box.on_request('/x')\ndef x(): pass\n" + line + "\n"
        assert load(text, **{"beside.txt": "beside"}) is None, line
        found = {why["what"] for why in start.reasons()}
        assert (reason in found) if reason else not found, (line, found)


@behaviour
def the_loop_waits_for_time_alone():
    async def naps():
        return await asyncio.gather(asyncio.sleep(0.01, 1), asyncio.sleep(0.02, 2))

    host.is_call = host.is_handling = True
    assert loop.run(naps()) == [1, 2]

    async def never():
        await asyncio.Event().wait()

    try:
        loop.run(never())
        raise AssertionError("it waited")
    except RuntimeError as error:
        assert "never happens" in str(error)


@behaviour
def handlers_of_any_shape_are_bound():
    app = loaded(
        HEAD + "import functools\n"
        "class Handlers:\n"
        "    def method(self, a: int, b: int = 2): return [a, b]\n"
        "    def __call__(self, a: int): return a\n"
        "box.on_request('/method')(Handlers().method)\n"
        "box.on_request('/object')(Handlers())\n"
        "@box.on_request('/place')\ndef place(a: int, /, b: int, *, c: int = 3): return [a, b, c]\n"
        "@box.on_request('/rest')\ndef rest(a: int, **rest): return [a, rest]\n"
        "def doubled(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k) * 2\n    return g\n"
        "@box.on_request('/wrapped')\n@doubled\ndef wrapped(a: int) -> int: return a\n"
        "@box.on_request('/req')\ndef req(req): return req.sender\n"
        "@box.on_request('/both')\ndef both(request: Request, a: int): return [request.method, a]\n"
    )

    def call(endpoint, body):
        return json.loads(answer(app, endpoint, body)[2])

    assert call("/method", '{"a": 1}') == [1, 2]
    assert call("/object", '{"a": 1}') == 1
    assert call("/place", '{"a": 1, "b": 2}') == [1, 2, 3]
    assert call("/rest", '{"a": 1, "z": 2}') == [1, {"z": 2}]
    assert call("/wrapped", '{"a": 4}') == 8
    assert call("/both", '{"a": 4}') == ["POST", 4]


@behaviour
def an_answer_that_is_to_be_encrypted_says_so():
    app = loaded(
        HEAD
        + "@box.on_request('/open')\ndef open(n: int): return n\n"
        + "@box.on_request('/secret', encrypt_reply=True, auto_decrypt=False)\n"
        + "def secret(n: int): return n\n"
    )

    asked = [("X-Syft-Encrypt-Reply", "true")]
    assert answer(app, "/open", '{"n": 5}') == (200, [], b"5")
    assert answer(app, "/secret", '{"n": 5}') == (200, asked, b"5")
    # What does not fit tells what was in the request.
    status, headers, body = answer(app, "/secret", '{"n": "private"}')
    assert (status, headers) == (400, asked), body
    assert body.startswith(b"Invalid request schema: "), body


@behaviour
def requests_are_read_as_clients_write_them():
    def read(*parts):
        request, body = wire.Request(), b""
        for part in parts:
            assert not request.is_whole
            body += request.feed(part)
        assert request.is_whole
        return request, body

    plain = b"POST /a?b HTTP/1.1\r\nHost: x\r\nX-A:  1 \r\nContent-Length: 5\r\n\r\nhello"
    chunked = (
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
    )
    for text in (plain, chunked):
        for size in (1, 2, 7, len(text)):
            # The end of the last chunk may come late, and says nothing more.
            parts = [text[start : start + size] for start in range(0, len(text), size)]
            request, body = wire.Request(), b""
            for part in parts:
                body += b"" if request.is_whole else request.feed(part)
            assert request.is_whole and body == b"hello", (size, body)
    request, _ = read(plain)
    assert (request.method, request.target) == ("POST", "/a?b")
    assert request.headers == [("x-a", b"1"), ("content-length", b"5")]
    request, body = read(b"GET / HTTP/1.1\r\n\r\n")
    assert (request.headers, request.has_body, body) == ([], False, b"")
    for wrong in (b"\x16\x03\x01\r\n\r\n", b"GET /\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"):
        try:
            wire.Request().feed(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)
    head = wire.head(404, [("X-A", b"1"), ("Transfer-Encoding", b"chunked")])
    assert head == b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nconnection: close\r\n\r\n"


def main():
    faulthandler.dump_traceback_later(60, exit=True)
    BEHAVIOURS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
