"""Modules of others that are changed when they are imported."""

import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import pkgutil
import sys

from syft_guest import start

_HERE = os.path.dirname(os.path.abspath(__file__))

# Modules of clients that have a stand-in of ours, whole.
_REPLACED = {
    name: os.path.join(_HERE, file)
    for name, file in (
        ("httpcore._backends.auto", "httpcore_auto.py"),
        ("httpcore2._backends.auto", "httpcore_auto.py"),
        ("truststore", "truststore_here.py"),
    )
}


def _requests_adapters(module):
    def cert_verify(self, conn, url, verify, cert):
        # It would look for a file of authorities, of which the host has its own.
        conn.cert_reqs = "CERT_REQUIRED"

    module.HTTPAdapter.cert_verify = cert_verify


def _anyio(module):
    # It loads its parts when they are first used, which would be in each call.
    for part in pkgutil.walk_packages(module.__path__, "anyio.", onerror=lambda name: None):
        with contextlib.suppress(Exception):
            importlib.import_module(part.name)


def _httpx(module):
    # It imports this with its first client, which would be in each call.
    importlib.import_module(module.__name__.replace("httpx", "httpcore"))


def _openai(module):
    # It imports these when they are first used, which would be in each call.
    for part in ("chat", "embeddings", "models", "responses"):
        with contextlib.suppress(Exception):
            importlib.import_module(f"openai.resources.{part}")


def _sqlite3(module):
    module.connect = start.note_connection(module.connect)


_CHANGED = {
    "anyio": _anyio,
    "httpx": _httpx,
    "httpx2": _httpx,
    "openai": _openai,
    "requests.adapters": _requests_adapters,
    "sqlite3.dbapi2": _sqlite3,
}


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in _REPLACED:
            return importlib.util.spec_from_file_location(name, _REPLACED[name])
        if name in _CHANGED:
            return self._changed(name, path, target)
        return None

    def _changed(self, name, path, target):
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _Loader(spec.loader, _CHANGED[name])
                return spec
        return None


class _Loader(importlib.abc.Loader):
    def __init__(self, loader, change):
        self._loader, self._change = loader, change

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._change(module)

    def __getattr__(self, name):
        return getattr(self._loader, name)


def install():
    sys.meta_path.insert(0, _Finder())
