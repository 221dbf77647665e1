"""`syft://` URLs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict
from urllib.parse import urlencode, urlparse

_URL = re.compile(r"^syft://([a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+)(/.*)?$")


class SyftBoxURL(str):
    """A URL that names a file of a datasite."""

    def __new__(cls, url: str):
        if not cls.is_valid(url):
            raise ValueError(f"Invalid SyftBoxURL: {url}")
        instance = super().__new__(cls, url)
        instance.parsed = urlparse(url)
        return instance

    @classmethod
    def is_valid(cls, url: str) -> bool:
        return _URL.match(url) is not None

    @classmethod
    def from_path(cls, path, workspace) -> SyftBoxURL:
        # As text, which a path made at the start has in the names that are now known.
        relative = Path(os.fspath(path)).relative_to(os.fspath(workspace.datasites))
        return cls(f"syft://{relative.as_posix()}")

    @property
    def query(self) -> Dict[str, str]:
        pairs = (part.split("=", 1) for part in self.parsed.query.split("&"))
        return dict(pair for pair in pairs if len(pair) == 2)

    @property
    def protocol(self) -> str:
        return self.parsed.scheme + "://"

    @property
    def host(self) -> str:
        return self.parsed.netloc

    @property
    def path(self) -> str:
        return self.parsed.path

    def to_local_path(self, datasites_path) -> Path:
        return (Path(datasites_path) / self.host / self.path.lstrip("/")).absolute()

    def as_http_params(self) -> Dict[str, str]:
        return {"method": "get", "datasite": self.host, "path": self.path}

    def to_http_get(self, rpc_url: str) -> str:
        return f"http://{rpc_url.split('//')[-1]}?{urlencode(self.as_http_params())}"

    # A model may have a field of this type.

    @classmethod
    def validate(cls, value, info) -> SyftBoxURL:
        if type(value) not in (str, cls):
            raise ValueError(
                f"Invalid type for url: {type(value)}. Expected str or SyftBoxURL."
            )
        return cls(str(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type, handler):
        from pydantic_core import core_schema

        return core_schema.with_info_after_validator_function(cls.validate, handler(str))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema_or_field, schema_handler):
        return {"type": "string", "format": "uri", "description": "A SyftBox URL"}
