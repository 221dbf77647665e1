"""The same program of FastAPI under the released packages, served by uvicorn, and in the sandbox."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import fastsyftbox
from peer import APP, OWNER, PATIENCE, RPC, behaviour, main, request
from differential import encoded, shown
from side_by_side import put, read

HERE = f"syft://{OWNER}/app_data/{APP}/rpc"


class Released:
    """Serves a program as its author would: `uvicorn app:app`, in its folder."""

    def __init__(self, program):
        data = Path("stock").absolute()
        (data / "datasites").mkdir(parents=True)
        config = Path("stock.json").absolute()
        said = {
            "data_dir": str(data),
            "email": OWNER,
            "server_url": "http://127.0.0.1:9/",
            "client_url": "http://127.0.0.1:9/",
        }
        config.write_text(json.dumps(said))
        self.rpc = data / "datasites" / OWNER / "app_data" / APP / "rpc"
        self.log = Path("stock.log").absolute()
        command = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0"]
        self._process = subprocess.Popen(
            command,
            cwd=Path(program).parent,
            env=os.environ | {"SYFTBOX_CLIENT_CONFIG_PATH": str(config)},
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while "Application startup complete" not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


@behaviour
def copy_the_template(folder):
    shutil.copytree(Path(fastsyftbox.__file__).parent / "app_template", folder)


def compare(app, name, method, endpoint, body=None, query=None, headers=None):
    """Asks both the same. Returns a line where their answers differ."""
    url = f"{HERE}/{endpoint}" + (f"?{urlencode(query)}" if query else "")
    fields = {"url": url, "method": method, "headers": headers or {}}
    message = request(endpoint, body=encoded(body), **fields)
    content = json.dumps(message).encode()
    paths = [put(rpc, endpoint, message["id"], content) for rpc in (RPC, app.rpc)]
    ours, theirs = (without_chance(shown(read(path))) for path in paths)
    return None if ours == theirs else (name, theirs, ours)


def without_chance(answer):
    """Returns an answer without the order of methods, which differs each time that a server starts."""
    status, headers, body = answer
    if "allow" in headers:
        headers["allow"] = sorted(headers["allow"].split(", "))
    if '"operationId"' in body:
        body = re.sub(r"_(get|put|post|delete)\b", "", body)
        headers["content-length"] = len(body)
    return [status, headers, body]


@behaviour
def answers_are_those_of_the_release(program, cases):
    rows = json.loads(Path(cases).read_text(encoding="utf-8"))
    listed = {row["name"]: row["differs"] for row in rows if "differs" in row}
    with Released(program) as app:
        fields = ("name", "method", "endpoint", "body", "query", "headers")
        asked = [{key: row[key] for key in fields if key in row} for row in rows]
        found = [different for row in asked if (different := compare(app, **row))]
        ours, theirs = (json.loads((rpc / "rpc.schema.json").read_text()) for rpc in (RPC, app.rpc))
    print(f"{len(rows)} requests, {len(rows) - len(found)} equal, {len(listed)} differ as listed")
    unlisted = [row for row in found if row[0] not in listed]
    assert not unlisted, "not listed:\n" + "\n".join(map(str, unlisted))
    gone = listed.keys() - {name for name, *_ in found}
    assert not gone, f"listed, and no difference: {gone}"
    assert ours.keys() == theirs.keys(), (list(ours), list(theirs))


if __name__ == "__main__":
    main()
