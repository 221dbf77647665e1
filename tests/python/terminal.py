"""Runs a program on a terminal: `terminal.py ANSWERS PROGRAM …`, where ANSWERS is a JSON list
of lines, each typed when a question (which ends with a colon and a space) has been asked. Prints all that
the terminal shows as it comes, and ends as the program did. TERMINAL_COLUMNS is how wide the terminal is."""

import fcntl
import json
import os
import pty
import struct
import sys
import termios

answers = json.loads(sys.argv[1])
columns = os.environ.pop("TERMINAL_COLUMNS", None)
pid, terminal = pty.fork()
if pid == 0:
    if columns:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, int(columns), 0, 0))
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
    sys.stdout.buffer.write(more)
    sys.stdout.buffer.flush()
    if answers and shown.endswith(b": "):
        os.write(terminal, answers.pop(0).encode() + b"\n")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
