"""Tests that pass and tests that do not, by their names."""

import logging
import os

from app import box, greet, on_score
from only_for_tests import ADA
from syft_guest.testing import App, files

BOB = "bob@example.com/public/score.txt"


def test_answers():
    app = App()
    answer = app.call("/greet", {"name": ADA})
    assert (answer.status, answer.text) == (200, "Hello, Ada!")
    assert app.call("greet", {"name": ADA, "times": "x"}).status == 400
    answer = app.call("/keep", "text")
    assert (answer.status, answer.headers, answer.body) == (201, {"X-Kept": "text"}, None)


def test_plain_functions():
    assert greet(ADA) == "Hello, Ada!"


def test_state_lasts_from_call_to_call():
    app = App()
    assert [app.call("/count").json() for _ in range(3)] == [1, 2, 3]
    assert app.state["count"] == box.state["count"] == 3
    app.state["count"] = 7
    assert app.call("/count").json() == 8


def test_state_begins_empty():
    assert "count" not in App().state


def test_a_call_that_fails_keeps_nothing():
    app = App()
    app.call("/count")
    answer = app.call("/count", {"fails": True})
    assert answer.status == 500
    assert "Internal server error" in answer.text
    assert app.failure.kind == "RuntimeError"
    assert "after it counted" in str(app.failure)
    assert app.call("/count").json() == 2


def test_own_files():
    app = App()
    app.call("/keep", "milk")
    assert (app.folder / "kept.txt").read_text() == "milk"
    assert os.getcwd() == str(app.folder)


def test_own_files_begin_empty():
    assert not (App().folder / "kept.txt").exists()


@files({BOB: "17", "carol@example.com/private/x.txt": b"secret"})
def test_files_of_others():
    app = App()
    assert app.call("/score", {"of": "bob@example.com"}).json() == {"score": 17}
    assert not (app.datasites / "carol@example.com/private/x.txt").exists()
    try:
        (app.datasites / BOB).write_text("18")
    except OSError:
        return
    raise AssertionError("it was written")


def test_events():
    app = App()
    app.deliver(on_score, BOB)
    app.deliver(on_score, BOB, kind="modified")
    assert app.state["seen"] == [f"/datasites/{BOB}"] * 2


async def test_async():
    assert App().call("/greet", {"name": ADA}).status == 200


def test_fails_comparing():
    logging.warning("about to fail")
    assert App().call("/greet", {"name": "Bob"}).text == "Hello, Ada!"


def test_fails_in_a_handler():
    assert App().call("/score", {"of": "dave@example.com"}).status == 200


def test_fails_to_find_an_endpoint():
    App().call("/gret")


def test_fails_for_ever():
    App().call("/forever")


def test_fails_by_leaving():
    os._exit(3)


@files({"../up": "x"})
def test_fails_with_a_path_that_leads_out():
    pass


def helps():
    raise AssertionError("this is no test")
