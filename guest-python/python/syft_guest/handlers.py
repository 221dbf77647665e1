"""The handlers of the program: its endpoints and its watches."""

from syft_event.server2 import SyftEvents
from syft_event.types import Request
from syft_guest import apps, models


def prepare():
    """Reads all signatures; raises for those that cannot be read."""
    models.prepare()
    for _, endpoint in endpoints():
        try:
            prepare_one(endpoint)
        except Exception as error:
            # Where it is, since the error comes from none of the author's lines.
            error.handler = endpoint.function
            raise


def prepare_one(endpoint):
    if endpoint.arguments is None:
        endpoint.prepare(Request, SyftEvents)


def endpoints():
    """Yields each app with each of its endpoints."""
    for app in apps.all_apps():
        for endpoint in app._endpoints.values():
            yield app, endpoint


def watches():
    return [(app, watch) for app in apps.all_apps() for watch in app._watches]
