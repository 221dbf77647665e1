"""What a program draws at random at its start.

Where a program stays in memory this is drawn once. One that is apart from its component starts in
each call, and is to find there what it found before: a token that it has told somebody, or the
order of a list.
"""

import contextlib
import hashlib
import os
import random

# Drawn once, when the program was tried out; `None` where each start is on its own.
seed = None

_urandom = os.urandom
_seed = random.Random.seed


@contextlib.contextmanager
def repeated():
    """Has the same drawn as in the other calls."""
    if seed is None:
        yield
        return
    stream = _Stream(seed)

    def seeded(self, a=None, version=2):
        return _seed(self, int.from_bytes(stream.draw(32), "big") if a is None else a, version)

    os.urandom = random._urandom = stream.draw
    random.Random.seed = seeded
    random.seed(stream.draw(32))
    try:
        yield
    finally:
        os.urandom = random._urandom = _urandom
        random.Random.seed = _seed
        random.seed()


class _Stream:
    def __init__(self, seed):
        self.seed, self.n_drawn = seed, 0

    def draw(self, n_bytes):
        self.n_drawn += 1
        return hashlib.shake_256(self.seed + self.n_drawn.to_bytes(8, "big")).digest(n_bytes)
