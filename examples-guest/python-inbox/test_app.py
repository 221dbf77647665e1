from syft_guest.testing import App

OWNER = "owner@example.com"
BOB = "bob@example.com"


def test_a_letter_is_sent_encrypted():
    app = App()
    answer = app.call("/write", {"to": BOB, "text": "Hello"}, sender=OWNER)
    assert (answer.status, answer.json()) == (202, {"number": 1})
    letter = app.sent[0]
    assert letter.url == f"syft://{BOB}/app_data/python-inbox/rpc/deliver"
    assert letter.encrypt
    assert letter.json() == {"text": "Hello"}


def test_what_becomes_of_letters_is_told():
    app = App()
    for text in ("first", "second", "third"):
        app.call("/write", {"to": BOB, "text": text}, sender=OWNER)
    first, second, third = app.sent
    app.reply(first, status=204)
    app.expire(second)
    app.reject(third, "bob has no keys")
    letters = app.call("/sent", sender=OWNER).json()
    assert letters[2] == {"to": BOB, "text": "first", "is": "delivered"}
    assert "expired" in letters[1]["is"]
    assert letters[0]["is"] == "not delivered: bob has no keys"


def test_letters_come_from_who_encrypted_them():
    app = App()
    assert app.call("/deliver", {"text": "Hi"}, sender=BOB).status == 400
    assert app.call("/deliver", {"text": "Hi"}, sender=BOB, proof="signed").status == 204
    letters = app.call("/read", sender=OWNER).json()
    assert [(letter["from"], letter["text"]) for letter in letters] == [(BOB, "Hi")]


def test_only_the_owner_reads_and_writes():
    app = App()
    assert app.call("/read", sender=BOB).status == 403
    assert app.call("/read", sender=OWNER, proof="claimed").status == 403
    assert app.call("/sent", sender=BOB).status == 403
    assert app.call("/write", {"to": BOB, "text": "x"}, sender=BOB).status == 403
    assert app.sent == []
