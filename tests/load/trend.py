"""Whether a series goes up or down: least squares, with an interval that knows that neighbours are alike."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FEWEST = 10
LIKELY = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope, in units of the values per unit of time, and half the width of its 95 % interval."""

    slope: float
    within: float

    @property
    def is_flat(self) -> bool:
        """Whether the interval holds zero."""
        return abs(self.slope) <= self.within


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The line through at least `FEWEST` values.

    Each residual resembles the one before it (correlation r), so n of them tell as much as n (1 - r) / (1 + r) that
    don't. The quantile of Student's t is the normal one, widened by the first term of their difference.
    """
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} values are too few for a trend")
    slope, start = statistics.linear_regression(times, values)
    left = [value - start - slope * time for time, value in zip(times, values, strict=True)]
    squares = math.fsum(one * one for one in left)
    if not squares:
        return Trend(slope, 0.0)
    alike = max(0.0, math.fsum(a * b for a, b in pairwise(left)) / squares)
    degrees = max(1.0, len(left) * (1 - alike) / (1 + alike) - 2)
    middle = statistics.fmean(times)
    spread = math.fsum((time - middle) ** 2 for time in times)
    error = math.sqrt(squares / degrees / spread)
    return Trend(slope, error * (LIKELY + (LIKELY**3 + LIKELY) / (4 * degrees)))
