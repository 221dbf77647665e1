"""Serves packages on a loopback address: `package_index.py FOLDER MARKER`. Prints where, once it does.

Whatever of the packages is run writes into the file MARKER. The folder gets the log of what
was fetched.
"""

import functools
import hashlib
import http.server
import io
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT, MARKER = Path(sys.argv[1]), sys.argv[2]
NOTE = f"open({MARKER!r}, 'a').write(__file__ + '\\n')\n"


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_request(self, code="-", size="-"):
        with open(ROOT / "fetched.log", "a") as log:
            log.write(self.path + "\n")


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Handler, directory=ROOT)
)
URL = f"http://127.0.0.1:{server.server_port}"


def wheel(name, version="1.0", requires=()):
    info = f"{name}-{version}.dist-info"
    path = ROOT / "files" / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {other}\n" for other in requires)
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{name}.pth": f"import sys; exec({NOTE.replace('__file__', repr(name))!r})\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": kind,
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


def source(folder, name, version="1.0"):
    path = folder / f"{name}-{version}.tar.gz"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": NOTE,
        "backend.py": NOTE,
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def publish(name, path):
    page = ROOT / "simple" / name / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    page.write_text(f'<a href="/files/{path.name}#sha256={digest}">{path.name}</a>\n')


(ROOT / "files").mkdir(parents=True)
evil = source(ROOT / "files", "evil")
local = source(ROOT, "evil")
for name, requires in {
    "plain": [],
    "needs-plain": ["plain>=1"],
    "names-an-address": [f"evil @ {URL}/files/evil-1.0.tar.gz"],
    "names-a-file": [f"evil @ file://{local}"],
    "names-a-folder": [f"evil @ file://{ROOT}"],
    "names-a-repository": ["evil @ git+file:///nowhere/evil"],
    "names-it-deeper": ["names-an-address"],
    "needs-a-source": ["evil"],
}.items():
    publish(name, wheel(name.replace("-", "_"), requires=requires))
publish("evil", evil)
print(f"{URL}/simple", flush=True)
server.serve_forever()
