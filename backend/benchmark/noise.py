"""Whether two sets of repeats differ by more than noise: Welch's interval of the difference of their means.

A repeat is one observation, as requests of the same run are not independent of each other. The interval is a 99 % one,
since a comparison looks at dozens of figures: at 95 % one in twenty would differ by chance. With a single repeat on
either side nothing is known about the noise between runs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Student's t at 0.995, by degrees of freedom; between two rows the upper (wider) one holds
T_99 = {
    1: 63.657, 2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355, 9: 3.250, 10: 3.169, 12: 3.055,
    15: 2.947, 20: 2.845, 30: 2.750, 60: 2.660, 120: 2.617,
}  # fmt: skip

Verdict = Literal["more than noise", "within noise", "unknown"]


@dataclass(frozen=True)
class Difference:
    """Of B against A; `low` and `high` bound the change in percent, None with one repeat."""

    a: float
    b: float
    change_percent: float | None
    low_percent: float | None
    high_percent: float | None
    verdict: Verdict


def difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compare a figure's values over the repeats of A and B."""
    mean_a, mean_b = statistics.fmean(a), statistics.fmean(b)
    change = mean_b - mean_a

    def percent(value: float) -> float | None:
        return 100 * value / mean_a if mean_a else None

    if len(a) < 2 or len(b) < 2:
        return Difference(mean_a, mean_b, percent(change), None, None, "unknown")
    parts = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    error = math.sqrt(sum(parts))
    if error == 0:
        verdict: Verdict = "more than noise" if change else "within noise"
        return Difference(mean_a, mean_b, percent(change), percent(change), percent(change), verdict)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    width = error * t_99(freedom)
    verdict = "more than noise" if abs(change) > width else "within noise"
    return Difference(mean_a, mean_b, percent(change), percent(change - width), percent(change + width), verdict)


def t_99(freedom: float) -> float:
    """The quantile for at most so many degrees of freedom."""
    return T_99[max(row for row in T_99 if row <= max(1.0, freedom + 1e-9))]
