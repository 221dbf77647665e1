"""A terminal with a shell in it, in which commands are typed."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

# So wide that the program breaks no line of a page: where it would depends on times and paths.
LINES, COLUMNS = 40, 240
# The longest that anything may take: a build on a busy machine.
PATIENCE = int(os.environ.get("PATIENCE", 600))
# The shell says by this that it waits for a command; a terminal shows nothing of it.
READY = "\x1b]133;A\x07"
PROMPT = READY + "$ "
ASKS = re.compile(r"(: |\? )$")


class Terminal:
    """A shell in a folder, on a terminal of a fixed size."""

    def __init__(self, folder, environment):
        # Without an editor of lines: what is typed is shown as it is.
        shell = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # Whoever runs in the background may ignore Ctrl-C; nobody at a terminal does.
            for one in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                signal.signal(one, signal.SIG_DFL)
            os.chdir(folder)
            os.execvpe(shell[0], shell, environment | {"PS1": r"\[\e]133;A\a\]$ ", "PS2": ""})
        # Else the shells of other terminals keep this one open.
        os.set_inheritable(self.master, False)
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # What was shown and is on no page yet.
        self.shown = ""
        self.is_busy = True
        self.wait(lambda: self.shown.endswith(PROMPT), "the shell")
        self.shown = PROMPT
        self.is_busy = False

    def step(self, commands, answers, until):
        """Types commands and waits for their ends, or until the last one has shown something.
        Returns what is seen of that."""
        start = 0
        for nth, command in enumerate(commands):
            start = len(self.shown)
            os.write(self.master, command.encode() + (b"" if command == "\x03" else b"\n"))
            self.is_busy = True
            if until is None or nth + 1 < len(commands):
                self.wait(lambda: self.shown[start:].endswith(PROMPT), f"the end of `{command}`", answers)
                self.is_busy = False
        if until is not None:
            # What was typed is shown too.
            n_typed = commands[-1].count("\n") + 1 if commands else 0
            line = re.compile(r"(?:.*\n){%d}(?s:.*?)%s.*\n" % (n_typed, re.escape(until)))

            def is_there():
                text = self.shown[start:]
                return until in text and line.match(rendered(text))

            self.wait(is_there, until, answers)
        seen, self.shown = rendered(self.shown), "" if self.is_busy else PROMPT
        # What is told by a signal to end need not end its line.
        return re.sub(r"\^C(?=\$ |\Z)", "^C\n", seen.removesuffix("$ "))

    def wait(self, is_there, what, answers=()):
        """Reads what is shown, and answers what is asked, until something is there."""
        deadline, asked = time.monotonic() + PATIENCE, len(self.shown)
        while not is_there():
            if answers and ASKS.search(self.shown, asked):
                os.write(self.master, answers.pop(0).encode() + b"\n")
                asked = len(self.shown)
            left = max(deadline - time.monotonic(), 0)
            readable, _, _ = select.select([self.master], [], [], left)
            try:
                more = os.read(self.master, 65536) if readable else b""
            except OSError:
                more = b""
            if not more:
                shown = rendered(self.shown)
                raise SystemExit(f"waited in vain for {what}. The terminal shows:\n{shown}")
            self.shown += self.decoder.decode(more)

    def close(self):
        """Ends what runs there: a host that serves does not end when its terminal hangs up."""
        for group in {os.tcgetpgrp(self.master), self.pid}:
            os.killpg(group, signal.SIGKILL)
        os.close(self.master)
        os.waitpid(self.pid, 0)


CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[([0-9;?]*)([A-Za-z])|\x1b[=>]|[\r\n\b]|[^\x1b\r\n\b]+|\x1b")


def rendered(text):
    """Returns the lines that a terminal shows for what was written to it."""
    lines, row, column = [""], 0, 0
    for found in CONTROL.finditer(text):
        piece, number, letter = found[0], found[1] or "", found[2]
        count = int(number) if number.isdigit() else 1
        if piece == "\r":
            column = 0
        elif piece == "\b":
            column = max(column - 1, 0)
        elif piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif letter == "A":
            row = max(row - count, 0)
        elif letter == "B":
            row = min(row + count, len(lines) - 1)
        elif letter == "G":
            column = count - 1
        elif letter == "K":
            lines[row] = "" if number == "2" else lines[row][:column]
        elif letter == "J":
            lines[row] = lines[row][:column]
            del lines[row + 1 :]
        elif not piece.startswith("\x1b"):
            before = lines[row].ljust(column)
            lines[row] = before[:column] + piece + before[column + len(piece) :]
            column += len(piece)
    return "\n".join(lines)
