"""A line that says how far a measurement is and about how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from backend.benchmark.load import Point


def words(seconds: float) -> str:
    """45 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Knows the runs that are left; on a terminal the line is rewritten, elsewhere each run gets one."""

    def __init__(
        self, runs: Sequence[Point], prompts: dict[Point, int], output: TextIO, duration_s: float | None = None
    ) -> None:
        self._runs = list(runs)
        self._prompts = prompts
        self._output = output
        self._duration_s = duration_s  # of a run, where time and not the number of prompts ends it
        self._done = 0
        self._took: dict[Point, float] = {}
        self._per_prompt_s: float | None = None  # how long one user waited, last seen
        self._number = -1

    def begin(self) -> None:
        self._number += 1
        self._start, self._done = time.monotonic(), 0
        if not self._output.isatty():
            print(f"{self._label()}", file=self._output, flush=True)

    def prompt_done(self) -> None:
        self._done += 1

    def end(self) -> None:
        point = self._runs[self._number]
        self._took[point] = time.monotonic() - self._start
        if point.kind == "concurrency":
            self._per_prompt_s = self._took[point] * min(point.value, self._done or 1) / max(1, self._done)

    def show(self) -> None:
        """Rewrite the line."""
        if self._output.isatty():
            left = self.left_s()
            rest = f", about {words(left)} left" if left is not None else ""
            of = f" of {self._prompts[self._runs[self._number]]}" if self._duration_s is None else ""
            done = f"{self._done}{of} prompts"
            print(f"\r\033[K{self._label()}: {done}{rest}", end="", file=self._output, flush=True)

    def say(self, line: str) -> None:
        """A line that stays."""
        start = "\r\033[K" if self._output.isatty() else ""
        print(f"{start}{line}", file=self._output, flush=True)

    def left_s(self) -> float | None:
        """Seconds that the rest takes; None until something is known."""
        point, elapsed = self._runs[self._number], time.monotonic() - self._start
        if point in self._took or self._duration_s is not None:
            left = self._expected(point) - elapsed
        elif self._done:
            left = elapsed / self._done * (self._prompts[point] - self._done)
            self._per_prompt_s = elapsed * min(point.value, self._done) / self._done
        else:
            return None
        return max(0.0, left) + sum(self._expected(point) for point in self._runs[self._number + 1 :])

    def _expected(self, point: Point) -> float:
        if point in self._took:
            return self._took[point]
        if self._duration_s is not None:
            return self._duration_s
        if point.kind == "rate":
            return self._prompts[point] / point.value
        return self._prompts[point] / point.value * (self._per_prompt_s or 0.0)

    def _label(self) -> str:
        left = f", about {words(sum(map(self._expected, self._runs[self._number :])))} left" if self._took else ""
        return f"run {self._number + 1} of {len(self._runs)}, {self._runs[self._number]}" + (
            left if not self._output.isatty() else ""
        )
