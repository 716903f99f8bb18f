"""What a user of the benchmark can put right: the message says what, where and the remedy."""

from __future__ import annotations


class Problem(Exception):
    """Ends the command with its sentence and exit code 2; nothing has been written."""


class AllFailed(Problem):
    """Every request of a whole run failed."""


class Stopped(Problem):
    """By Ctrl-C, before there was anything to keep: exit code 130."""
