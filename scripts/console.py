"""What the launcher shows: lasting lines, and one line of progress with the elapsed time.

On a terminal the progress line is rewritten in place; elsewhere (a log, CI) it is printed anew every 15 seconds.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

PLAIN_EVERY_S = 15.0


class Console:
    """One of these for the life of the launcher."""

    def __init__(self, stream: TextIO = sys.stdout, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._terminal = stream.isatty()
        self._last_plain = clock()

    def elapsed(self) -> str:
        """Time since the start, as 1:05."""
        minutes, seconds = divmod(int(self._clock() - self._start), 60)
        return f"{minutes}:{seconds:02d}"

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self._write(f"{text}\n")

    def progress(self, text: str) -> None:
        """What is going on now."""
        line = f"[{self.elapsed():>5}] {text}"
        if self._terminal:
            self._clear()
            self._write(line[: shutil.get_terminal_size().columns - 1])
        elif self._clock() - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = self._clock()
            self._write(f"{line}\n")

    def _clear(self) -> None:
        if self._terminal:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (BrokenPipeError, OSError):
            pass  # the reader (a closed terminal, `| head`) is gone; ending what was started matters more
