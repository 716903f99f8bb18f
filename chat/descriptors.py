"""File descriptors, of which each open page takes one: as many as the system allows, and few words where none is left.

A shell allows 1,024, mostly, where the system would allow many more. Python 3.11 logs a traceback for each connection
that it can't accept, a thousand a second.
"""

from __future__ import annotations

import logging
import resource
import time

ENOUGH = 65_536
EVERY_S = 60.0


class Seldom(logging.Filter):
    """Lets through once a minute, in a line, that connections can't be accepted."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: float | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record of asyncio's goes to the log."""
        if "accept() out of system resource" not in str(record.msg):
            return True
        now = time.monotonic()
        if self._said_at is not None and now - self._said_at < EVERY_S:
            return False
        self._said_at = now
        record.msg, record.args, record.exc_info = (
            "no file descriptor is left, and new pages wait: raise the limit (ulimit -n)",
            (),
            None,
        )
        return True


def install() -> None:
    """To be called once, before the web server starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    logging.getLogger("asyncio").addFilter(Seldom())
