"""What a program prints and logs, on its way to the host's log."""

import logging
import sys

from syft_guest import host


def level_of(number):
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


def write(level, message):
    """Writes to the host's log, or to stderr while the component is built."""
    if host.is_call:
        host.write_log(level, message)
    else:
        print(message, file=sys.stderr)


_stream_emit = logging.StreamHandler.emit


def _emit(self, record):
    is_console = getattr(self, "stream", None) in (sys.stderr, sys.stdout)
    if not (host.is_call and is_console):
        return _stream_emit(self, record)
    try:
        host.write_log(level_of(record.levelno), self.format(record))
    except RecursionError:
        raise
    except Exception:
        self.handleError(record)


def install():
    """Gives lines of `logging` their level in the host's log."""
    logging.StreamHandler.emit = _emit


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The program may have closed it.
            pass
