"""A logger with loguru's ways, whose lines go to the host's log."""

from __future__ import annotations

import functools
import traceback

from syft_guest import log

__all__ = ["logger"]

_LEVELS = {
    "TRACE": "trace",
    "DEBUG": "debug",
    "INFO": "info",
    "SUCCESS": "info",
    "WARNING": "warn",
    "ERROR": "error",
    "CRITICAL": "error",
}


class Logger:
    def __init__(self, extra=None, with_exception=False):
        self._extra = extra or {}
        self._with_exception = with_exception

    def log(self, level, message, *args, **kwargs):
        name = _LEVELS.get(str(level).upper()) or log.level_of(level if type(level) is int else 20)
        text = str(message)
        if args or kwargs:
            text = text.format(*args, **kwargs)
        if self._extra:
            text += " " + " ".join(f"{key}={value}" for key, value in self._extra.items())
        if self._with_exception:
            text += "\n" + traceback.format_exc()
        log.write(name, text)

    def exception(self, message, *args, **kwargs):
        self.opt(exception=True).error(message, *args, **kwargs)

    def bind(self, **extra):
        return Logger({**self._extra, **extra}, self._with_exception)

    def opt(self, *, exception=None, **_):
        return Logger(self._extra, bool(exception))

    def catch(self, function=None, *, reraise=False, default=None, **_):
        def decorate(function):
            @functools.wraps(function)
            def caught(*args, **kwargs):
                try:
                    return function(*args, **kwargs)
                except Exception:
                    self.exception("An error has been caught in function '{}'", function.__name__)
                    if reraise:
                        raise
                    return default

            return caught

        return decorate(function) if callable(function) else decorate

    # Where lines go is for the host to say.

    def add(self, *_, **__):
        return 0

    def remove(self, *_, **__):
        pass

    def configure(self, *_, **__):
        return []

    def enable(self, name):
        pass

    disable = enable


for _name in _LEVELS:
    setattr(Logger, _name.lower(), functools.partialmethod(Logger.log, _name))

logger = Logger()
