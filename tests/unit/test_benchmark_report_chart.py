"""The report's charts: axes, and labels that can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest

from backend.benchmark.report_blocks import Chart, Line, Mark, Style
from backend.benchmark.report_chart import FRAME, HEIGHT, LEFT, WIDTH, scale, svg
from backend.benchmark.report_labels import RADIUS, Box, Label, labels
from backend.benchmark.report_text import plain

# Positions as in a chart of TPOT against output: flat, then steep, where the server is full
SATURATING = ((60, 230), (120, 229), (180, 228), (240, 226), (300, 220), (360, 205), (400, 170), (412, 110), (414, 50))
TAIL = [(x, y - 14) for x, y in SATURATING]


def placed(places: Sequence[tuple[float, float]], *others: Sequence[tuple[float, float]]) -> dict[str, Label]:
    """By text: 1, 2, 4, …"""
    marked = [(place, str(2**number)) for number, place in enumerate(places)]
    return {label.text: label for label in labels([marked], [places, *others], FRAME)}


def test_no_label_stands_on_a_line_a_mark_or_another_label() -> None:
    found = placed(SATURATING, TAIL)
    assert list(found) == ["256", "1", "2", "4", "8", "16", "32", "64", "128"]
    boxes = [label.box for label in found.values()]
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    for box in boxes:
        assert box.within(FRAME)
        for x, y in SATURATING:
            assert not box.meets(Box(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS))
    for (x, y), (to_x, to_y) in (*pairwise(SATURATING), *pairwise(TAIL)):
        for part in (n / 50 for n in range(51)):
            on_line = (x + (to_x - x) * part, y + (to_y - y) * part)
            assert not any(box.holds(on_line) for box in boxes)


def test_where_two_would_touch_one_is_left_out_and_the_ends_stay() -> None:
    found = placed([(200 + n, 150) for n in range(9)])
    assert {"1", "256"} <= set(found) != {str(2**n) for n in range(9)}


def test_labels_are_drawn_over_all_lines() -> None:
    lines = [Line(plain("a"), [Mark(1, 1, "one"), Mark(2, 2, "two")], 0), Line(plain("b"), [Mark(1, 2)], 1)]
    drawn = svg(Chart(plain("t"), plain("x"), plain("y"), lines))
    assert drawn.rindex("</g>") < drawn.index('class="label"')
    assert re.findall(r'class="label"[^>]*>(\w+)<', drawn) == ["two", "one"]


@pytest.mark.parametrize("style", ["tail", "estimate", "price"])
def test_a_line_of_one_value_is_seen(style: Style) -> None:
    line = Line(plain("a"), [Mark(5, 5)], 0, style)
    places = re.findall(r'polyline points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"',
                        svg(Chart(plain("t"), plain("x"), plain("y"), [line])))  # fmt: skip
    ((left, top, right, same),) = places
    assert float(right) - float(left) > 20
    assert top == same


def test_axes_have_round_numbers_and_all_marks_are_within() -> None:
    for values in ([0.3], [1, 2, 8], [20, 1700], [0, 5], [3, 3000], [0.001, 0.0012]):
        found = scale(values, 0, 100)
        assert all(0 <= found.at(value) <= 100 for value in (*values, *found.ticks))
        assert 2 <= len(found.ticks) <= 12
    assert scale([20, 1700], 0, 1).ticks == (20, 50, 100, 200, 500, 1000, 2000)
    assert scale([1, 2, 8], 0, 1).ticks == (0, 2, 4, 6, 8, 10)
    line = Line(plain("a"), [Mark(1, 20, "1"), Mark(64, 1700, "64")], 0)
    drawn = svg(Chart(plain("t"), plain("x"), plain("y"), [line], log_x=True))
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn):
        assert LEFT <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
