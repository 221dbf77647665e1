"""What `typing_extensions` has, which the Python of the sandbox has in `typing`."""

import typing
import warnings
from typing import *  # noqa: F403

deprecated = warnings.deprecated


def __getattr__(name):
    return getattr(typing, name)
