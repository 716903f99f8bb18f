"""Whether a series goes up or down."""

from __future__ import annotations

import random

import pytest

from tests.load.trend import trend

TIMES = [float(number) for number in range(150)]


def noise(seed: int, memory: float) -> list[float]:
    """Values around zero, each with something of the one before it."""
    dice, values = random.Random(seed), [0.0]
    for _ in TIMES[1:]:
        values.append(memory * values[-1] + dice.gauss(0, 1))
    return values


def test_a_line_is_found_as_it_is() -> None:
    found = trend(TIMES, [3 + 0.5 * time for time in TIMES])
    assert found.slope == pytest.approx(0.5)
    assert not found.is_flat


def test_what_stays_the_same_is_flat() -> None:
    assert trend(TIMES, [7.0] * len(TIMES)).is_flat


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.8])
def test_noise_is_flat_about_as_often_as_promised(memory: float) -> None:
    """95 % of the time, were all values independent; where neighbours are alike, that is an estimate."""
    flat = sum(trend(TIMES, noise(seed, memory)).is_flat for seed in range(300))
    assert flat / 300 >= 0.9


def test_a_leak_in_noise_is_found() -> None:
    for seed in range(20):
        leaking = [0.05 * time + one for time, one in zip(TIMES, noise(seed, 0.5), strict=True)]
        assert not trend(TIMES, leaking).is_flat


def test_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        trend(TIMES[:5], TIMES[:5])
