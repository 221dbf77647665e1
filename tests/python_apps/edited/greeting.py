"""A module beside the program."""


def of(name):
    return f"Hello, {name}"


def fail():
    raise ValueError("as it was meant to")
