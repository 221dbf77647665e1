"""Writes messages of all kinds as the release writes them, for Rust to compare."""

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

from syft_rpc.protocol import SyftMethod, SyftRequest, SyftResponse, SyftStatus

from peer import behaviour, main

N_MESSAGES = 300

LETTERS = "aZ09 -_.~/?#%+&=\"\\'<>éß漢\u200d\u0301🦀\ufffd"
# Not in URLs, which end at a line feed.
CONTROLS = "\0\x01\b\t\n\f\r\x1b\x1f\x7f\x80\x85\u2028\u2029\ufeff\uffff\U0010ffff"


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, letters=LETTERS + CONTROLS, most=12):
        return "".join(self.random.choices(letters, k=self.random.randrange(most)))

    def body(self):
        kind = self.random.randrange(4)
        return [None, b"", self.text().encode(), self.random.randbytes(self.random.randrange(60))][kind]

    def time(self):
        micros = self.random.choice([0, 0, 1, 500_000, 999_999, self.random.randrange(10**6)])
        seconds = self.random.randrange(0, 250_000_000_000)
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds, microseconds=micros)

    def message(self):
        path = self.random.choice(["", "/", "/" + self.text(LETTERS, 40), "/app_data/app/rpc/echo"])
        return {
            "id": UUID(bytes=self.random.randbytes(16), version=4),
            "sender": self.random.choice(["guest@example.com", self.text()]),
            "url": "syft://owner+a.b-c_d@sub.example.com" + path,
            "body": self.body(),
            "headers": {self.text(): self.text() for _ in range(self.random.randrange(5))},
            "created": self.time(),
            "expires": self.time(),
        }


@behaviour
def write_requests(folder):
    """Each under its deterministic id."""
    maker = Maker(1)
    for _ in range(N_MESSAGES):
        request = SyftRequest(**maker.message(), method=maker.random.choice(list(SyftMethod)))
        request.dump(Path(folder) / f"{request.get_message_id()}.request")


@behaviour
def write_responses(folder):
    maker = Maker(2)
    for _ in range(N_MESSAGES):
        status_code = maker.random.choice(list(SyftStatus))
        response = SyftResponse(**maker.message(), status_code=status_code)
        response.dump(Path(folder) / f"{response.id}.response")


if __name__ == "__main__":
    main()
