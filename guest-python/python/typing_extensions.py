"""What `typing_extensions` has, which the Python of the sandbox has in `typing`.

Where a package brought its own, that is the one: it may be newer.
"""

import importlib.machinery
import os
import sys
import typing
import warnings
from typing import *  # noqa: F403

deprecated = warnings.deprecated


def __getattr__(name):
    return getattr(typing, name)


def _find_other():
    own = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != own]
    return importlib.machinery.PathFinder.find_spec(__name__, others)


if (_spec := _find_other()) is not None:
    del __getattr__
    _spec.loader.exec_module(sys.modules[__name__])
