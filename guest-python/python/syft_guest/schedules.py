"""Functions that the host calls by the clock.

    from syft_guest import every, schedule

    @schedule("0 8 * * MON-FRI", time_zone="Europe/Berlin")
    def digest(due):
        box.state["last-digest"] = due.due.isoformat()

    @every("15m", missed="drop")
    def clean():
        box.state.pop("old", None)
"""

import dataclasses
import datetime
import inspect
import re
from datetime import timedelta

_ZONE = re.compile(r"[A-Za-z0-9/_+-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART = re.compile(r"(\d+)(ms|[smhd])")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=366)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

_schedules = {}


@dataclasses.dataclass(frozen=True)
class Due:
    """A time of a schedule that has come."""

    # A UUID, the same each time that this call runs again.
    id: str
    # The name of the schedule.
    schedule: str
    # The time that has come, in UTC. It is earlier than now where calls were missed.
    due: datetime.datetime
    # 1, or more where the function failed before.
    attempt: int


@dataclasses.dataclass(frozen=True)
class Schedule:
    name: str
    function: object
    cron: str | None
    every: timedelta | None
    time_zone: str | None
    missed: str

    def plain(self):
        """Returns it in texts and numbers."""
        micros = None if self.every is None else self.every // timedelta(microseconds=1)
        return {
            "name": self.name,
            "cron": self.cron,
            "every": micros,
            "time_zone": self.time_zone,
            "missed": self.missed,
        }

    def call(self, due):
        # Not before: `syft_guest` itself brings this module, and comes before asyncio.
        from syft_guest import loop

        result = self.function(due) if _takes_one(self.function) else self.function()
        if inspect.isawaitable(result):
            loop.run(result)


def schedule(cron=None, *, time_zone=None, missed="run-once", name=None):
    """Has a function called at the times of a cron expression: minute, hour, day of the month,
    month, day of the week. Without one the times stand in `syft-app.toml`.

    `time_zone` names the clock that it goes by: `Europe/Berlin`, or `local` for the one of the
    owner's machine. `missed="drop"` leaves out times that come while the app is not served.
    """
    if callable(cron):
        raise TypeError("@schedule takes times: write @schedule(\"0 8 * * *\"), or @schedule()")
    if cron is not None and not isinstance(cron, str):
        raise TypeError(f"a cron expression is a text, not {cron!r}")
    if time_zone is not None and not (isinstance(time_zone, str) and _ZONE.fullmatch(time_zone)):
        raise ValueError(f"{time_zone!r} is no time zone: write its name, as in \"Europe/Berlin\"")
    return _adder(name, cron=cron, every=None, time_zone=time_zone, missed=_missed(missed))


def every(time, *, missed="run-once", name=None):
    """Has a function called again and again, so long after the call before: a text such as
    `"30s"` or `"1h30m"`, a `timedelta`, or a number of seconds."""
    if callable(time):
        raise TypeError("@every takes a time: write @every(\"15m\")")
    time = _time(time)
    return _adder(name, cron=None, every=time, time_zone=None, missed=_missed(missed))


def _adder(name, **times):
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError(f"{name!r} is no name of a schedule: it has letters, digits, `-` and `_`")

    def add(function):
        if not inspect.isfunction(function):
            raise TypeError(f"{function!r} is no function")
        named = name or function.__name__
        if not _NAME.fullmatch(named):
            raise ValueError(f"{named!r} cannot name a schedule: give it another by name=\"digest\"")
        other = _schedules.get(named)
        if other is not None and other.function.__code__ is not function.__code__:
            raise ValueError(f"two schedules have the name {named}")
        _schedules[named] = Schedule(name=named, function=function, **times)
        return function

    return add


def _missed(missed):
    if missed not in ("run-once", "drop"):
        raise ValueError(f"missed={missed!r}: write \"run-once\" or \"drop\"")
    return missed


def _time(time):
    if isinstance(time, str):
        parts = list(_PART.finditer(time))
        if not time or "".join(part.group() for part in parts) != time:
            raise ValueError(f"{time!r} is no time: write it as in \"30s\", \"15m\" or \"1h30m\"")
        named = [{_UNITS[part.group(2)]: int(part.group(1))} for part in parts]
        time = sum((timedelta(**one) for one in named), timedelta())
    elif not isinstance(time, timedelta):
        time = timedelta(seconds=time)
    if not _SHORTEST <= time <= _LONGEST:
        raise ValueError(f"the time between two calls is from 1 second to 366 days, not {time}")
    return time


def _takes_one(function):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return any(parameter.kind in kinds for parameter in parameters)


def all_schedules():
    return list(_schedules.values())


def find(name):
    found = _schedules.get(name)
    if found is None:
        raise LookupError(f"the program has no schedule with the name {name}")
    return found


def due(call_id, name, micros, attempt):
    """Returns what a function gets."""
    return Due(call_id, name, _EPOCH + timedelta(microseconds=micros), attempt)


def clear():
    _schedules.clear()
