"""What a program's text calls that cannot work in a sandbox, for whoever builds it."""

import ast

MAX_NOTED = 20

_PROCESS = "the sandbox has no other processes"
_SERVER = "nothing listens in the sandbox: requests come by files"
_ANSWER = "an app answers by returning from a handler, or by reply_to there"
_AT_ONCE = "a thread does its work at once, where it starts: one that never ends is never over"

# Functions by their full names; of a module, all that is in it.
_CANNOT = {
    "subprocess": _PROCESS,
    "multiprocessing": _PROCESS,
    "concurrent.futures.ProcessPoolExecutor": _PROCESS,
    "asyncio.create_subprocess_exec": _PROCESS,
    "asyncio.create_subprocess_shell": _PROCESS,
    **{
        f"os.{name}": _PROCESS
        for name in "system popen fork forkpty execv execve execvp execl execlp spawnl spawnv "
        "posix_spawn kill".split()
    },
    "http.server": _SERVER,
    "socketserver": _SERVER,
    "wsgiref.simple_server": _SERVER,
    "socket.create_server": _SERVER,
    "asyncio.start_server": _SERVER,
    "flask.Flask.run": _SERVER,
    "threading.Thread": _AT_ONCE,
    "threading.Timer": _AT_ONCE,
    "syft_rpc.rpc.write_response": _ANSWER,
    "input": "nobody is there to answer",
}


def noted(trees):
    """Returns what cannot work, each with the file and line of the first call."""
    found = {}
    for file, tree in sorted(trees.items()):
        names = Names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = names.of(node.func)
                why = _why(name)
                if why is not None:
                    found.setdefault((file, name), (node.lineno, why))
    notes = [
        {"file": file, "line": line, "name": name, "why": why}
        for (file, name), (line, why) in found.items()
    ]
    return sorted(notes, key=lambda note: (note["file"], note["line"]))[:MAX_NOTED]


def _why(name):
    while name:
        if name in _CANNOT:
            return _CANNOT[name]
        name = name.rpartition(".")[0]
    return None


class Names:
    """The full names of what a module imports and makes."""

    def __init__(self, tree):
        self._known = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    self._known[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in ast.walk(tree):
            # `app = Flask(…)`, of which a method is called later.
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                name = self.of(node.value.func)
                for target in node.targets if name and "." in name else ():
                    if isinstance(target, ast.Name):
                        self._known.setdefault(target.id, name)

    def of(self, node):
        """Returns the full name of an expression, or `None`."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        first = self._known.get(node.id, node.id if node.id == "input" else None)
        return None if first is None else ".".join([first, *reversed(parts)])
