"""Ctrl-C, SIGTERM and SIGHUP as an exception at a point where nothing can be lost.

A handler that raised anywhere could do so between starting a process and noting it down. So it only takes a note;
the launcher's loop calls `check()` several times a second, and only inside `interruptible()` (a wait on the network)
does the handler raise.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scripts.problems import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `make` hands on what has reached us as well.
SAME_SIGNAL_S = 1.0


class Stopping:
    """Installed once, at the start."""

    def __init__(self) -> None:
        self._received: int | None = None
        self._may_raise = False
        self._ending_since: float | None = None
        self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}

    def check(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self._received is not None:
            raise Stopped(self._received)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """While inside, a signal raises at once."""
        self.check()
        self._may_raise = True
        try:
            yield
        finally:
            self._may_raise = False

    def ending(self) -> None:
        """From here on nothing raises: everything is being ended already, and another signal makes it a `hurry`."""
        self._received, self._ending_since = None, time.monotonic()

    def hurry(self) -> bool:
        """Whether another signal has come since."""
        return self._received is not None

    def ignore(self) -> None:
        """From here on nothing interrupts: everything is being ended already."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def restore(self) -> None:
        """Hand the signals back to whom they belonged before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._ending_since is not None and time.monotonic() - self._ending_since < SAME_SIGNAL_S:
            return
        self._received = number
        if self._may_raise:
            self._may_raise = False
            raise Stopped(number)
