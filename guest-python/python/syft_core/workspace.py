"""The folders of SyftBox."""

from __future__ import annotations

from pathlib import Path

from syft_guest import start


class SyftWorkspace:
    """A sandbox holds the folder of all datasites and no other."""

    @property
    def datasites(self) -> Path:
        return Path(start.datasites())
