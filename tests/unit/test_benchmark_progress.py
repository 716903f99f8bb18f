"""The time that is left is about right, in all kinds of runs."""

from __future__ import annotations

import io

import pytest

from backend.benchmark import progress
from backend.benchmark.load import Point

ONE, EIGHT, RATE = Point("concurrency", 1), Point("concurrency", 8), Point("rate", 2)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_it_learns_from_what_is_done(clock: Clock) -> None:
    shown = progress.Progress([ONE, EIGHT, RATE] * 2, {ONE: 10, EIGHT: 32, RATE: 20}, io.StringIO())
    shown.begin()
    assert shown.left_s() is None
    clock.now = 4.0
    for _ in range(2):
        shown.prompt_done()
    # eight more of 2 s; 32 of 2 s among eight users; 20 at 2/s; then all again
    assert shown.left_s() == 16 + 8 + 10 + (20 + 8 + 10)
    clock.now = 20.0
    shown.end()
    shown.begin()
    clock.now = 30.0
    shown.end()
    shown.begin()
    clock.now = 35.0
    shown.prompt_done()
    assert shown.left_s() == 5 * 19 + (20 + 10 + 10)  # the loads of the first round are known by now


def test_a_second_round_is_known(clock: Clock) -> None:
    shown = progress.Progress([ONE, ONE], {ONE: 5}, io.StringIO())
    shown.begin()
    clock.now = 10.0
    shown.end()
    shown.begin()
    clock.now = 14.0
    assert shown.left_s() == 6


def test_a_duration_is_known_from_the_start(clock: Clock) -> None:
    shown = progress.Progress([ONE, EIGHT], {ONE: 5, EIGHT: 5}, io.StringIO(), duration_s=30)
    shown.begin()
    clock.now = 10.0
    assert shown.left_s() == 20 + 30


def test_without_a_terminal_a_run_is_a_line(clock: Clock) -> None:
    output = io.StringIO()
    shown = progress.Progress([ONE, ONE], {ONE: 5}, output)
    shown.begin()
    shown.show()
    clock.now = 200.0
    shown.end()
    shown.begin()
    assert output.getvalue() == "run 1 of 2, 1 at once\nrun 2 of 2, 1 at once, about 3 min left\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.4, "7 s"), (89, "89 s"), (200, "3 min"), (4800, "80 min"), (7300, "2 h 2 min")]
)
def test_words(seconds: float, words: str) -> None:
    assert progress.words(seconds) == words
