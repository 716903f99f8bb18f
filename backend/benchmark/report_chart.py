"""A line chart as inline SVG: axes with round numbers, lines, marks and their labels. Colours are the page's (CSS).

Text is there in both languages, of which the page shows one. An axis whose values span more than a factor of 20 is
logarithmic, as is the one of users. No library: what is needed are a scale and three kinds of elements. Where labels
stand is found in `report_labels.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from backend.benchmark.report_blocks import Chart, Line
from backend.benchmark.report_labels import Box, Place, labels
from backend.benchmark.report_text import LANGUAGES, Text

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 54, 18, 26, 46
FRAME = Box(LEFT, 18, WIDTH, HEIGHT - BOTTOM)  # of labels: below the name of the axis
LONE = 12  # px to either side, of a line with a single value
WIDE = 20  # factor between the smallest and the greatest value from which on an axis is logarithmic


@dataclass(frozen=True)
class Scale:
    """Values to positions between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def scale(values: Sequence[float], start: float, end: float, log: bool = False) -> Scale:
    """With round ticks. A linear axis begins at 0."""
    low, high = min(values), max(values)
    if low > 0 and (log or high / low > WIDE):
        ticks = _log_ticks(low, high, doubling=log)
        return Scale(min(low, ticks[0]) / 1.1, max(high, ticks[-1]) * 1.1, start, end, True, ticks)
    step = _round_step((high or 1) / 4)
    top = step * math.ceil((high or 1) / step * 1.02)
    return Scale(0, top, start, end, False, tuple(step * n for n in range(round(top / step) + 1)))


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * 0.999)


def _log_ticks(low: float, high: float, doubling: bool) -> tuple[float, ...]:
    """1, 2, 4, 8 for users; else 1, 2, 5, 10 within a factor of 1,000, and 1, 10, 100 beyond."""
    if doubling and high / low <= 512:
        # one user measured is 0.99 requests under way, which needs no tick at a half
        first, last = (math.log2(value) for value in (low, high))
        return tuple(2.0**n for n in range(math.floor(first + 0.05), math.ceil(last - 0.05) + 1))
    first, last = (round(math.log10(value), 9) for value in (low, high))
    powers = [10.0**n for n in range(math.floor(first), math.ceil(last) + 1)]
    if high / low > 1000:
        return tuple(powers)
    ticks = [power * factor for power in powers for factor in (1, 2, 5)]
    below = max(tick for tick in ticks if tick <= low * (1 + 1e-9))
    above = min(tick for tick in ticks if tick >= high * (1 - 1e-9))
    return tuple(tick for tick in ticks if below <= tick <= above)


def tick_text(value: float) -> str:
    """Short: 0.25, 20, 15k."""
    return f"{value / 1000:.3g}k" if value >= 10_000 else f"{value:.4g}"


def svg(chart: Chart) -> str:
    """The element."""
    marks = [mark for line in chart.lines for mark in line.marks]
    x = scale([mark.x for mark in marks], LEFT, WIDTH - RIGHT, chart.log_x)
    y = scale([mark.y for mark in marks], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{chart.title.en} · {chart.title.zh}")}">'
    ]
    parts += _axes(x, y, chart)
    drawn = [_places(line, x, y) for line in chart.lines]
    for line, places in zip(chart.lines, drawn, strict=True):
        parts += _line(line, places)
    marked = [
        list(zip(places, (mark.label for mark in line.marks), strict=True))
        for line, places in zip(chart.lines, drawn, strict=True)
        if line.has_marks
    ]
    for label in labels(marked, drawn, FRAME):
        left, middle = label.middle
        parts.append(f'<text class="label" x="{left:.1f}" y="{middle + 4:.1f}">{escape(label.text)}</text>')
    return "".join([*parts, "</svg>"])


def _axes(x: Scale, y: Scale, chart: Chart) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    for tick in y.ticks:
        at = y.at(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>'
    for tick in x.ticks:
        at = x.at(tick)
        yield f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
        yield f'<text class="tick" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{tick_text(tick)}</text>'
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    yield from _words(chart.x, f'class="axis-name" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}"')
    yield from _words(chart.y, 'class="axis-name y" x="4" y="14"')


def _words(text: Text, attributes: str) -> Iterator[str]:
    for language, name in LANGUAGES.items():
        yield f'<text lang="{name}" {attributes}>{escape(text.of(language))}</text>'


def _places(line: Line, x: Scale, y: Scale) -> list[Place]:
    places = [(x.at(mark.x), y.at(mark.y)) for mark in line.marks]
    if not line.has_marks and len({left for left, _ in places}) == 1:
        # nothing would be seen of a single value without a mark
        left, top = places[0]
        return [(max(LEFT, left - LONE), top), (min(WIDTH - RIGHT, left + LONE), top)]
    return places


def _line(line: Line, places: Sequence[Place]) -> Iterator[str]:
    yield f'<g class="line {line.style} c{line.colour % 6}">'
    if len(places) > 1:
        yield '<polyline points="' + " ".join(f"{left:.1f},{top:.1f}" for left, top in places) + '"/>'
    if line.has_marks:
        yield from (f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3.5"/>' for left, top in places)
    yield "</g>"
