"""A module beside programs that is imported inside of a function."""

LATE = "better than never"
