"""A module beside programs."""


def greeting(name):
    return f"Dear {name}"
