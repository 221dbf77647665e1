"""As for pytest."""


def test_with_a_fixture(app):
    assert app
