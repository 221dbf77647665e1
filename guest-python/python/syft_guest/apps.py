"""The apps that a program makes. All that it makes are one app, in one datasite."""

_apps = []


def add(app):
    if _apps and _apps[0].app_name != app.app_name:
        raise ValueError(
            f"the program makes two apps, {_apps[0].app_name!r} and {app.app_name!r}: "
            "put each into a program of its own"
        )
    _apps.append(app)


def all_apps():
    return _apps


def clear():
    _apps.clear()
