"""The plot of a soak: memory, tasks, sessions and descriptors over time, drawn as the benchmark's charts are."""

from __future__ import annotations

from collections.abc import Sequence

from backend.benchmark.report_blocks import Chart, Line, Mark
from backend.benchmark.report_chart import HEIGHT, WIDTH, svg
from backend.benchmark.report_text import Text

STYLE = """text { font: 12px sans-serif; fill: #333; } text[lang="zh-CN"] { display: none; }
.grid { stroke: #ddd; } .axis { stroke: #888; } .axis-name { text-anchor: middle; } .axis-name.y { text-anchor: start; }
.line polyline { fill: none; stroke-width: 1.5; } .c0 polyline { stroke: #1f5f99; } .c1 polyline { stroke: #b3421f; }
.c2 polyline { stroke: #2f7d4f; }"""
COLOURS = ("#1f5f99", "#b3421f", "#2f7d4f")


def _same(text: str) -> Text:
    return Text(en=text, zh=text)


def _chart(title: str, names: Sequence[str], samples: Sequence[dict[str, float]]) -> Chart:
    lines = [
        Line(_same(name), [Mark(one["minute"], one[name]) for one in samples], number, "tail")
        for number, name in enumerate(names)
    ]
    return Chart(title=_same(title), x=_same("minutes"), y=_same(title), lines=lines)


def plot(samples: Sequence[dict[str, float]]) -> str:
    """A file of its own."""
    counts = ("tasks", "sessions", "descriptors")
    charts = [_chart("memory, MiB", ["memory_mib"], samples), _chart(", ".join(counts), counts, samples)]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT}"><style>{STYLE}</style>']
    parts += ['<rect width="100%" height="100%" fill="#fff"/>']
    for number, chart in enumerate(charts):
        parts.append(f'<svg y="{number * HEIGHT}" width="{WIDTH}" height="{HEIGHT}">{svg(chart)}</svg>')
    for number, name in enumerate(counts):
        parts.append(f'<text x="{200 + 80 * number}" y="{HEIGHT + 14}" style="fill: {COLOURS[number]}">{name}</text>')
    return "".join([*parts, "</svg>"])
