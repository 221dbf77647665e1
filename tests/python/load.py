"""Many requests at once, written in place, on a machine that has no time."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from peer import OWNER, behaviour, main, send

N_REQUESTS = 400
N_THREADS = 8
SECONDS = 120

# Ends with its parent, whatever becomes of that.
SPIN = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    sum(range(100_000))
"""

# Larger ones are written in several steps, so that an early look sees a part.
SIZES = [0, 100, 9_000, 120_000]


def ask(n, deadline):
    body = f"{n}:" + "x" * SIZES[n % len(SIZES)]
    response = send("echo", body, method="POST").wait(
        timeout=max(deadline - time.monotonic(), 0.001), poll_interval=0.05
    )
    assert response.sender == OWNER, (n, response.status_code, response.body[:200])
    assert response.status_code == 200, (n, response.status_code, response.body[:200])
    assert response.text() == body, (n, len(response.body), len(body))
    return n


@behaviour
def none_of_many_is_lost_or_refused():
    deadline = time.monotonic() + SECONDS
    command = [sys.executable, "-c", SPIN, str(os.getpid())]
    busy = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(os.cpu_count())]
    try:
        with ThreadPoolExecutor(N_THREADS) as threads:
            futures = [threads.submit(ask, n, deadline) for n in range(N_REQUESTS)]
        failures = [repr(future.exception()) for future in futures if future.exception()]
        assert not failures, f"{len(failures)} of {N_REQUESTS}: {failures[:5]}"
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(SECONDS + 30)
