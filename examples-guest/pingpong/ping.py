"""Plays ping-pong against somebody who runs the app, with the released client.

    pip install syft-rpc
    python ping.py carol@example.org [ROUNDS]
"""

import json
import sys

from syft_core import Client
from syft_rpc import rpc


def ping(client, owner, n):
    """Plays one ball and returns what came back."""
    url = rpc.make_url(owner, "pingpong", "ping")
    # Each ball is a request of its own, even where it is like the last one.
    future = rpc.send(url, body={"n": n}, method="POST", client=client, cache=False)
    answer = future.wait(timeout=30, poll_interval=0.01)
    answer.raise_for_status()
    return json.loads(answer.body)


def main():
    owner = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    client = Client.load()
    n = 0
    for _ in range(rounds):
        pong = ping(client, owner, n)
        print(f"ping {n} -> pong {pong['n']} from {pong['from']}")
        n = pong["n"] + 1


if __name__ == "__main__":
    main()
