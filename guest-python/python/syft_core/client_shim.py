"""The client of SyftBox as apps see it."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from syft_guest import start

from .config import SyftClientConfig
from .url import SyftBoxURL
from .workspace import SyftWorkspace


class Client:
    """Names the owner and where things are: `/datasites` holds what the app may see."""

    def __init__(self, conf: Optional[SyftClientConfig] = None):
        self.config = conf or SyftClientConfig()
        self.workspace = SyftWorkspace()

    @classmethod
    def load(cls, filepath=None) -> Client:
        return cls()

    @property
    def email(self) -> str:
        return self.config.email

    @property
    def datasites(self) -> Path:
        return self.workspace.datasites

    sync_folder = datasites

    @property
    def my_datasite(self) -> Path:
        return self.datasites / self.email

    datasite_path = my_datasite

    @property
    def app_request_name(self) -> str:
        """The name by which the owner serves this app."""
        return start.app_name()

    api_request_name = app_request_name

    def app_data(
        self, app_request_name: Optional[str] = None, datasite: Optional[str] = None
    ) -> Path:
        """Returns the folder of an app, of this one if none is named."""
        below = self.my_datasite if datasite is None else self.datasites / datasite
        return below / "app_data" / start.app_name(app_request_name)

    api_data = app_data

    def own_app_data(self, app_name: str) -> Path:
        """Returns the folder of this app, by whatever name the owner serves it."""
        return self.app_data(app_name)

    def makedirs(self, *paths) -> None:
        for path in paths:
            Path(path).mkdir(parents=True, exist_ok=True)

    def to_syft_url(self, path) -> SyftBoxURL:
        return SyftBoxURL.from_path(path, self.workspace)
