"""Cleanup as SyftEvent has it. In the sandbox it is the host that deletes old requests and
answers: see its options `--keep` and `--sweep-every`."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Optional

from loguru import logger
from syft_core import Client

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_time_interval(interval_str: str) -> int:
    """Returns the seconds of an interval such as `1d2h30m`."""
    if not interval_str:
        raise ValueError("Time interval cannot be empty")
    parts = re.findall(r"(\d+)([dhms])", interval_str.lower())
    if not parts:
        raise ValueError(
            f"Invalid time interval format: {interval_str}. "
            "Must be in the format of '1d', '2h', '30m', '1d2h30m', etc."
        )
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    if seconds <= 0:
        raise ValueError("Time interval must be positive")
    return seconds


class CleanupStats:
    """What was deleted, as far as this app knows: nothing, since the host does it."""

    def __init__(self):
        self.requests_deleted: int = 0
        self.responses_deleted: int = 0
        self.errors: int = 0
        self.last_cleanup: Optional[datetime] = None

    def reset(self):
        self.requests_deleted = 0
        self.responses_deleted = 0
        self.errors = 0

    def __str__(self) -> str:
        return (
            f"CleanupStats(requests={self.requests_deleted}, "
            f"responses={self.responses_deleted}, "
            f"errors={self.errors}, "
            f"last_cleanup={self.last_cleanup})"
        )


class PeriodicCleanup:
    """Takes the settings of a cleanup and leaves the work to the host."""

    def __init__(
        self,
        app_name: str,
        cleanup_interval: str = "1d",
        cleanup_expiry: str = "30d",
        client: Optional[Client] = None,
        on_cleanup_complete: Optional[Callable[[CleanupStats], None]] = None,
    ):
        self.app_name = app_name
        self.cleanup_interval_seconds = parse_time_interval(cleanup_interval)
        self.cleanup_interval_str = cleanup_interval
        self.cleanup_expiry_seconds = parse_time_interval(cleanup_expiry)
        self.cleanup_expiry_str = cleanup_expiry
        self.client = client or Client.load()
        self.on_cleanup_complete = on_cleanup_complete
        self.stats = CleanupStats()
        self._is_running = False

    @property
    def app_dir(self) -> Path:
        return self.client.app_data(self.app_name)

    @property
    def app_rpc_dir(self) -> Path:
        return self.app_dir / "rpc"

    def start(self) -> None:
        self._is_running = True

    def stop(self) -> None:
        self._is_running = False

    def perform_cleanup(self) -> CleanupStats:
        self.stats.reset()
        self.stats.last_cleanup = datetime.now(timezone.utc)
        logger.debug(f"[{self.app_name}] old requests and answers are deleted by the host")
        if self.on_cleanup_complete:
            self.on_cleanup_complete(self.stats)
        return self.stats

    def cleanup_now(self) -> CleanupStats:
        return self.perform_cleanup()

    def get_stats(self) -> CleanupStats:
        return self.stats

    def is_running(self) -> bool:
        return self._is_running


def create_cleanup_callback(app_name: str) -> Callable[[CleanupStats], None]:
    """Returns a callback that logs what was deleted."""

    def callback(stats: CleanupStats) -> None:
        logger.info(
            f"[{app_name}] Cleanup completed: {stats.requests_deleted} requests, "
            f"{stats.responses_deleted} responses, {stats.errors} errors"
        )

    return callback
