"""A sandbox has one thread. What would start another one does its work at once.

A program starts where nothing is served yet, when its component is built or before a handler: one
that waits for the end of its service finds it ended.
"""

import concurrent.futures
import threading
import time
from concurrent.futures import Executor, Future

from syft_guest import host

# Set by `SyftEvents.start`.
has_started = False

_sleep = time.sleep
_wait = threading.Event.wait
_depth = 0


def sleep(seconds):
    if not host.is_handling:
        _end_waiting()
    _sleep(seconds)


def _event_wait(self, timeout=None):
    if self.is_set():
        return True
    if not host.is_handling:
        _end_waiting()
    if timeout is None:
        raise RuntimeError("waits for another thread, and there is none in a sandbox")
    _sleep(max(0, timeout))
    return self.is_set()


def _end_waiting():
    if _depth:
        raise SystemExit
    if has_started:
        raise KeyboardInterrupt


def _start(self):
    """Runs a thread to its end, where it would be started."""
    global _depth
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    self._started.set()
    _depth += 1
    try:
        self.run()
    except SystemExit:
        pass
    except Exception:
        threading.excepthook(threading.ExceptHookArgs((*__import__("sys").exc_info(), self)))
    finally:
        _depth -= 1
        self._syft_ended = True


def _join(self, timeout=None):
    if not self._started.is_set():
        raise RuntimeError("cannot join thread before it is started")


def _is_alive(self):
    return self._started.is_set() and not getattr(self, "_syft_ended", False)


class InlineExecutor(Executor):
    """Stands for a pool of threads."""

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **_):
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None:
            initializer(*initargs)
        self._is_shut_down = False

    def submit(self, fn, /, *args, **kwargs):
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._is_shut_down = True


def install():
    # Loaded now: the package gives its name out lazily.
    from concurrent.futures import thread

    time.sleep = sleep
    threading.Event.wait = _event_wait
    threading.Thread.start = _start
    threading.Thread.join = _join
    threading.Thread.is_alive = _is_alive
    thread.ThreadPoolExecutor = InlineExecutor
    concurrent.futures.ThreadPoolExecutor = InlineExecutor
