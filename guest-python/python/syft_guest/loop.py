"""An event loop that needs neither sockets nor threads."""

import asyncio
import time
import warnings
from asyncio import base_events


class _Sleeper:
    """Waits for nothing but time: there is nothing else to wait for in a sandbox."""

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("waits for something that never happens")
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def close(self):
        pass


class Loop(base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        # Only another thread would have to wake us.
        pass

    def run_in_executor(self, executor, func, *args):
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        return future

    def add_signal_handler(self, sig, callback, *args):
        # No signal ever comes.
        pass

    def remove_signal_handler(self, sig):
        return False


class _Policy(asyncio.events._AbstractEventLoopPolicy if hasattr(
    asyncio.events, "_AbstractEventLoopPolicy"
) else asyncio.AbstractEventLoopPolicy):
    def __init__(self):
        self._loop = None

    def get_event_loop(self):
        # As older Pythons did: programs ask for it outside of coroutines.
        if self._loop is None:
            self._loop = Loop()
        return self._loop

    def set_event_loop(self, loop):
        self._loop = loop

    def new_event_loop(self):
        return Loop()


def install():
    """Makes it the loop of `asyncio.run` and all that stands on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(_Policy())


def run(coroutine):
    """Runs a coroutine, or whatever can be awaited, to its end."""
    if not asyncio.iscoroutine(coroutine):
        coroutine = _await(coroutine)
    return asyncio.run(coroutine)


async def _await(awaitable):
    return await awaitable
