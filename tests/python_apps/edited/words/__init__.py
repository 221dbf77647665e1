"""A package with data."""

from importlib.resources import files


def polite():
    return files("words").joinpath("end.txt").read_text().strip()
