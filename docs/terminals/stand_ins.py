"""What stands on a page in the place of what is different each time."""

import re

# Each stand-in has the form of what it replaces, so that to replace it again changes nothing.
STAND_INS = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "5f0d1f6e-8c1b-4a53-9f0e-2b7d6c3a9e14"),
    (r"\b[0-9a-f]{64}\b", "2f04205b43de825c7ac4b1ce27f216777eee6d5f059741a70c1a390bda7adee4"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:lzvw/0mJhJG1BIC+j3RrXatTqQ+P3KjV7fTVzTBsjfk"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", r"2026-11-24T09:12:44.108371\2"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z", "2026-11-24 09:12:44.108Z"),
    (r"\b\d\d:\d\d:\d\d UTC", "09:12:44 UTC"),
    (r"\b\d+(\.\d+)? ms\b(?!=)", "1.7 ms"),
    (r"\bin \d+(\.\d+)? s\b", "in 0.2 s"),
    (r"^Build [0-9a-f]{8}\b", "Build e5d00859"),
    (r"^(Size +)\d+ bytes$", r"\g<1>27455588 bytes"),
    (r"  [0-9a-f]{8}$", "  5f0d1f6e"),
    (r"\b127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:7980"),
    (r"\?token=[0-9a-f]+", "?token=5f0c1e2d"),
]

# Lines that are there only where something takes long, or is done for the first time.
SOMETIMES = re.compile(
    r"^(building |compiling |setting up |waiting for the answer"
    r"| +(Adding|Blocking|Compiling|Downloaded|Downloading|Finished|Locking|Updating) ).*\n",
    re.M,
)


TABLE = re.compile(r"^APP  .*\n(?:\S.*  .*\n)*", re.M)


def laid_out(table):
    """Returns a table of `status` as its stand-ins have it laid out."""
    text = re.sub(r"\b\d+(\.\d+)? [KM]iB\b", "1.5 MiB", table[0])
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def normal(text, home, called):
    """Returns what was seen as it stands on a page."""
    text = SOMETIMES.sub("", text.replace(str(home), called))
    for pattern, stand_in in STAND_INS:
        text = re.sub(pattern, stand_in, text, flags=re.M)
    return TABLE.sub(laid_out, text)
