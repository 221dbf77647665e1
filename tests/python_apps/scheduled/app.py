"""Counts the times of its schedules."""

from syft_event import SyftEvents
from syft_guest import every, schedule

box = SyftEvents("scheduled")


@every("1s")
def tick(due):
    count(due)


@schedule(name="tock")
async def by_the_manifest(due):
    count(due)


def count(due):
    key = f"ran/{due.schedule}/{due.due.timestamp()}"
    box.state[key] = box.state.get(key, 0) + 1


@box.on_request("/ran")
def ran():
    return {key.removeprefix("ran/"): count for key, count in box.state.items() if "ran/" in key}
