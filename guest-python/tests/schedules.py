"""Schedules in the SDK of Python programs by itself."""

from datetime import datetime, timedelta, timezone

from sdk import HEAD, STORE, behaviour, calls, fresh, load, loaded, main
from syft_guest import program, schedules

BEGIN = HEAD + "from syft_guest import Due, every, schedule\n"


def run(app, name, micros=5_000_000, attempt=1):
    fresh(app)
    calls.run_due("an-id", name, micros, attempt)


@behaviour
def schedules_are_told_in_the_host_s_way():
    loaded(
        BEGIN
        + "import datetime\n"
        + "@schedule('0 8 * * MON-FRI', time_zone='Europe/Berlin', missed='drop')\n"
        + "def digest(due): pass\n"
        + "@every('1h30m', name='clean-up')\ndef clean(): pass\n"
        + "@every(datetime.timedelta(minutes=1))\ndef a(): pass\n"
        + "@every(1.5)\ndef b(): pass\n"
        + "@schedule()\ndef by_the_manifest(): pass\n"
    )
    empty = {"cron": None, "every": None, "time_zone": None, "missed": "run-once"}
    assert program.scheduled() == [
        {
            "name": "digest",
            "cron": "0 8 * * MON-FRI",
            "every": None,
            "time_zone": "Europe/Berlin",
            "missed": "drop",
        },
        {**empty, "name": "clean-up", "every": 5_400_000_000},
        {**empty, "name": "a", "every": 60_000_000},
        {**empty, "name": "b", "every": 1_500_000},
        {**empty, "name": "by_the_manifest"},
    ]


@behaviour
def functions_are_called_when_they_are_due():
    STORE.clear()
    app = loaded(
        BEGIN
        + "@every('1m')\nasync def tell(due):\n"
        + "    box.state['due'] = [due.schedule, due.due.isoformat(), due.attempt, due.id]\n"
        + "@every('1m')\ndef count(n=1):\n    raise KeyError(n)\n"
        + "@every('1m')\ndef alone():\n    box.state['alone'] = True\n"
    )
    run(app, "tell", attempt=2)
    told = fresh(app)["due"]
    assert told == ["tell", "1970-01-01T00:00:05+00:00", 2, "an-id"], told
    run(app, "alone")
    assert fresh(app)["alone"] is True
    for name, kind in [("count", "KeyError"), ("nobody", "LookupError")]:
        try:
            run(app, name)
        except calls.Failed as failed:
            assert failed.kind == kind, failed.kind
            continue
        raise AssertionError(name)


@behaviour
def wrong_schedules_are_reported_with_their_line():
    for text, kind, message in [
        ("@schedule\ndef f(): pass", "TypeError", "@schedule takes times"),
        ("@every\ndef f(): pass", "TypeError", "@every takes a time"),
        ("@schedule(5)\ndef f(): pass", "TypeError", "a text, not 5"),
        ("@every('soon')\ndef f(): pass", "ValueError", "'soon' is no time"),
        ("@every('100ms')\ndef f(): pass", "ValueError", "from 1 second"),
        ("@every('1s', missed='no')\ndef f(): pass", "ValueError", "missed='no'"),
        ("@every('1s', name='a b')\ndef f(): pass", "ValueError", "no name of a schedule"),
        ("@schedule('0 8 * * *', time_zone='a b')\ndef f(): pass", "ValueError", "no time zone"),
        ("every('1s')(5)", "TypeError", "5 is no function"),
        ("every('1s')(lambda: 1)", "ValueError", "give it another"),
        ("@every('1s')\ndef f(): pass\n@every('2s')\ndef f(): 1", "ValueError", "the name f"),
    ]:
        report = load(BEGIN + text)
        assert report, text
        assert report["kind"] == kind and message in report["message"], (text, report)
        assert report["line"] >= 4, (text, report)


@behaviour
def a_test_calls_them():
    from syft_guest.testing import App

    STORE.clear()
    app = loaded(BEGIN + "@every('1m')\ndef tell(due):\n    box.state['due'] = due.due.year\n")
    fresh(app)
    (one,) = schedules.all_schedules()
    App().due(one.function, datetime(2001, 1, 1, tzinfo=timezone.utc) + timedelta(days=1))
    assert App().state["due"] == 2001
    try:
        App().due(a_test_calls_them)
    except LookupError as error:
        assert "write @schedule" in str(error)
    else:
        raise AssertionError("it has no schedule")


if __name__ == "__main__":
    main()
