"""What Python offers to a program, inside of a sandbox."""

import argparse
import asyncio
import atexit
import json
import logging
import os
import random
import secrets
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import annotated_types
import texts
from loguru import logger
from syft_event import SyftEvents

box = SyftEvents("sandboxed", cleanup_expiry="7d", cleanup_interval="1h")
box.state["seen"] = []
box.state["lock"] = threading.Lock()

# Known only in a call, and used here already.
OWNER = box.client.email
PUBLIC = box.client.my_datasite / "public"
NOTES = f"{box.client.datasites}/{box.client.email}/public"
SETTINGS = json.load(open("settings.json"))


@box.on_request("/random")
def random_():
    return [random.random(), str(uuid.uuid4()), secrets.token_hex(4), os.urandom(4).hex()]


@box.on_request("/time")
def time_():
    return {"time": time.time(), "now": datetime.now(timezone.utc).isoformat()}


@box.on_request("/owner")
def owner():
    return {
        "owner": f"{OWNER}",
        "is_owner": OWNER == "owner@example.com" and OWNER in ["owner@example.com"],
        "is_not": OWNER != "owner@example.com",
        "public": str(PUBLIC),
        "app": str(box.app_dir),
        "settings": SETTINGS,
        "greeting": texts.greeting(OWNER),
        "package": annotated_types.Gt(5).gt,
    }


@box.on_request("/read")
def read(name: str):
    texts = [(PUBLIC / name).read_text(), open(f"{NOTES}/{name}").read()]
    return {"texts": texts, "names": sorted(os.listdir(NOTES))}


@box.on_request("/write")
def write(name: str):
    (PUBLIC / name).write_text("x")


@box.on_request("/asyncio")
async def asyncio_():
    begun = time.monotonic()
    naps = await asyncio.gather(*(asyncio.sleep(0.2, n) for n in range(20)))
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except asyncio.TimeoutError:
        naps.append("late")
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        naps.append("late")
    task = asyncio.create_task(asyncio.to_thread(sum, [1, 2]))
    return {"naps": naps, "sum": await task, "is_quick": time.monotonic() - begun < 2}


@box.on_request("/loop")
def loop():
    async def nap():
        await asyncio.sleep(0.01)
        return "rested"

    return asyncio.run(nap())


@box.on_request("/forever")
async def forever():
    await asyncio.get_running_loop().create_future()


@box.on_request("/threads")
def threads():
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(max_workers=4) as pool:
        done += pool.map(lambda n: n * n, [2, 3])
    return done


@box.on_request("/late")
def late():
    import statistics
    import wave
    from late_texts import LATE

    return [statistics.mean([1, 2]), wave.__name__, LATE, str(datetime.strptime("2024", "%Y"))]


@box.on_request("/log")
def log():
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("sandboxed").warning("warned %d times", 2)
    logger.error("{} failed", "loguru")
    logger.debug("debugged")


@box.on_request("/state")
def state(do: str, key: str = "key", value=None):
    if do == "append":
        box.state["seen"].append(value)
        return box.state["seen"]
    if do == "set":
        box.state[key] = value
    elif do == "delete":
        del box.state[key]
    elif do == "clear":
        box.state.clear()
    elif do == "odd":
        box.state[("a", 1)] = {1, 2}
    elif do == "set and fail":
        box.state[key] = value
        raise RuntimeError("after all")
    elif do == "set a function":
        box.state[key] = lambda: None
    elif do == "methods":
        box.state.setdefault("x", 1)
        box.state.update(y=2)
        got = [box.state.pop("x"), box.state.get("none", 0), "y" in box.state, len(box.state)]
        return got + [json.loads(json.dumps(box.state.copy() | {"lock": 0}))["y"]]
    with box.state["lock"] if "lock" in box.state else ThreadPoolExecutor():
        return {repr(key): repr(value) for key, value in box.state.items() if key != "lock"}


@box.on_request("/ledger")
def ledger(name: str, end: str = "well"):
    import sqlite3

    database = sqlite3.connect("ledger.db")
    with database:
        database.execute("create table if not exists entries (name text)")
        database.execute("insert into entries values (?)", (name,))
    with open("ledger.txt", "a") as text:
        text.write("the name is ")
        text.flush()
        if end == "an error":
            raise RuntimeError("in the middle of a line")
        if end == "an exit":
            os._exit(0)
        if end == "no memory":
            text.write("x" * (1 << 30))
        while end == "no time":
            pass
        text.write(f"{name}\n")
    names = [name for (name,) in database.execute("select name from entries")]
    return names, Path("ledger.txt").read_text().splitlines()


@box.on_request("/exit")
def exit_():
    sys.exit("enough")


@box.on_request("/end")
def end():
    os._exit(0)


@box.on_request("/recurse")
def recurse():
    return recurse()


@box.on_request("/memory")
def memory():
    return len("x" * (1 << 30))


@box.on_request("/connect")
def connect():
    import socket

    # A socket speaks HTTP with the host, and nothing else with anybody.
    socket.create_connection(("127.0.0.1", 9), timeout=1).sendall(b"EHLO there\r\n\r\n")


@box.on_request("/run")
def run():
    import subprocess

    subprocess.run(["true"])


@box.on_request("/environment")
def environment():
    names = {name for name in os.environ if not name.startswith(("PYTHON", "COMPONENTIZE"))}
    return sorted(names)


@box.on_request("/sleep_and_loop")
def sleep_and_loop():
    time.sleep(0.01)
    asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.01))
    return SETTINGS["volume"]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    logging.basicConfig(level=logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: box.stop())
    atexit.register(box.stop)
    box.start()
    stats = box.get_cleanup_stats()
    print(box.is_cleanup_running(), stats.requests_deleted, stats.last_cleanup)
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        box.stop()
