"""Paths as SyftBox takes them."""

import os
from pathlib import Path
from typing import Iterable, Union

__all__ = ["PathLike", "UserLike", "to_path"]

PathLike = Union[str, Path, os.PathLike]
UserLike = Union[str, Iterable[str]]
RelativePath = AbsolutePath = Path


def to_path(path: PathLike) -> Path:
    return Path(path).expanduser().resolve()


def should_be_relative(v: Path) -> Path:
    if v.is_absolute():
        raise ValueError("path must be relative")
    return v


def should_be_absolute(v: Path) -> Path:
    if not v.is_absolute():
        raise ValueError("path must be absolute")
    return v


def issubpath(path1: Path, path2: Path) -> bool:
    return path1 in path2.parents
