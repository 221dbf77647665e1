"""Times as text."""

import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def parse_duration(duration: str) -> timedelta:
    """Returns the time that a text such as `15m` says."""
    match = re.fullmatch(r"(\d+)([dhms])", duration.strip().lower())
    if match is None:
        raise ValueError("Invalid duration format. Use 'Nd', 'Nh', 'Nm', or 'Ns'.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
