"""Formats of a server's log, which programs take for their own."""

from __future__ import annotations

import logging
from copy import copy

TRACE_LOG_LEVEL = 5


class ColourizedFormatter(logging.Formatter):
    """Knows `levelprefix`, the level with a colon. There are no colors in the host's log."""

    def __init__(self, fmt=None, datefmt=None, style="%", use_colors=None):
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)

    def formatMessage(self, record):
        record = copy(record)
        record.levelprefix = f"{record.levelname}:".ljust(9)
        return super().formatMessage(record)


DefaultFormatter = ColourizedFormatter


class AccessFormatter(ColourizedFormatter):
    """For lines about HTTP requests, of which there are none."""
