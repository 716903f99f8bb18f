"""Where a chart's labels stand: beside their marks, on no line where that can be, and never on each other.

Each is tried around its mark, above it first. One that would touch another label or mark wherever it stood is left out;
the two ends of a line are placed first, so that they keep theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

LETTER, HALF_HEIGHT = 7.0, 7.0  # of 12 px digits, rather too large than too small
RADIUS = 4.5  # of a mark, with its rim
STEP = 2.0  # a line is looked at once in so many px

Place = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """From its upper left corner to its lower right one."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, place: Place) -> bool:
        return self.left <= place[0] <= self.right and self.top <= place[1] <= self.bottom

    def meets(self, other: Box) -> bool:
        beside = self.right < other.left or other.right < self.left
        return not (beside or self.bottom < other.top or other.bottom < self.top)

    def within(self, other: Box) -> bool:
        return other.holds((self.left, self.top)) and other.holds((self.right, self.bottom))


@dataclass(frozen=True)
class Label:
    """`middle` and `box`: of its text."""

    text: str
    middle: Place
    box: Box


def labels(
    marked: Sequence[Sequence[tuple[Place, str]]], lines: Sequence[Sequence[Place]], frame: Box
) -> Iterator[Label]:
    """Of the marks of each line, those that find room; `lines`: all that is drawn, marked or not."""
    on_lines = [place for line in lines for place in _points(line)]
    marks = [_box(place, RADIUS, RADIUS) for line in marked for place, _ in line]
    taken: list[Box] = []
    for line in marked:
        for place, text in _ends_first(line):
            free = [
                label
                for label in _around_a_mark(place, text)
                if label.box.within(frame) and not any(label.box.meets(other) for other in (*marks, *taken))
            ]
            if text and free:
                # of equally good places the first
                best = min(free, key=lambda label: sum(map(label.box.holds, on_lines)))
                taken.append(best.box)
                yield best


def _ends_first(line: Sequence[tuple[Place, str]]) -> list[tuple[Place, str]]:
    return [*line[-1:], *line[:1], *line[1:-1]] if len(line) > 1 else list(line)


def _box(middle: Place, aside: float, up: float) -> Box:
    x, y = middle
    return Box(x - aside, y - up, x + aside, y + up)


def _around_a_mark(place: Place, text: str) -> Iterator[Label]:
    half, (x, y) = len(text) * LETTER / 2, place
    for right, down in ((0, -12), (0, 12), (8, 0), (-8, 0), (5, -9), (-5, -9), (5, 9), (-5, 9)):
        middle = x + right + (math.copysign(half, right) if right else 0), y + down
        yield Label(text, middle, _box(middle, half, HALF_HEIGHT))


def _points(line: Sequence[Place]) -> Iterator[Place]:
    for start, end in pairwise(line):
        steps = math.ceil(math.dist(start, end) / STEP) or 1
        for n in range(steps + 1):
            yield (start[0] + (end[0] - start[0]) * n / steps, start[1] + (end[1] - start[1]) * n / steps)
