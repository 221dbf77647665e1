"""Stands for `truststore`: which authorities are trusted is the host's to say."""

from ssl import SSLContext

__all__ = ["SSLContext", "extract_from_ssl", "inject_into_ssl"]


def inject_into_ssl():
    """It is so already."""


def extract_from_ssl():
    """Nothing was put in."""
