"""Slowing down who guesses: after a few failures each further attempt has to wait, twice as long every time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
LONGEST_S = 900.0
MOST_KEYS = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class Attempts:
    """Failures by key: an address, or a name. Forgotten with a success, and 15 minutes after the last one's wait."""

    def __init__(self, longest_s: float = LONGEST_S, now: Callable[[], float] = time.monotonic) -> None:
        self._longest_s = longest_s
        self._now = now
        self._failures: dict[str, _Failures] = {}

    def wait_s(self, key: str) -> float:
        """How long until the next attempt may be made; 0: now."""
        failures = self._failures.get(key)
        if failures is None:
            return 0.0
        if self._now() > failures.until + LONGEST_S:
            del self._failures[key]
            return 0.0
        return max(0.0, failures.until - self._now()) if failures.count >= FREE else 0.0

    def failed(self, key: str) -> None:
        """One more."""
        if len(self._failures) >= MOST_KEYS and key not in self._failures:
            del self._failures[next(iter(self._failures))]  # the oldest
        count = self._failures[key].count + 1 if key in self._failures else 1
        pause_s = min(2.0 ** min(count - FREE + 1, 20), self._longest_s) if count >= FREE else 0.0
        self._failures[key] = _Failures(count, self._now() + pause_s)

    def succeeded(self, key: str) -> None:
        """The right password."""
        self._failures.pop(key, None)
