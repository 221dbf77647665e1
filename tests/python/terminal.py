"""Runs a program on a terminal: `terminal.py ANSWERS PROGRAM …`, where ANSWERS is a JSON list
of lines, each typed when a question (which ends with a colon and a space) has been asked. Prints all that
the terminal showed, and ends as the program did."""

import json
import os
import pty
import sys

answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if answers and shown.endswith(b": "):
        os.write(terminal, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
