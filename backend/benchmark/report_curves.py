"""The report's charts: latency against throughput, output and cost against load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.benchmark.cost import Point, in_flight
from backend.benchmark.report_blocks import Block, Chart, Charts, Line, Mark, Style
from backend.benchmark.report_measured import Measured, short
from backend.benchmark.report_text import Text, say
from backend.prices import per_million_tokens

STYLES: dict[str, Style] = {"concurrency": "measured", "rate": "open"}  # by kind of load


def curves(results: Sequence[Measured]) -> Iterator[Block]:
    """Four charts of all results together."""
    several = len(results) > 1
    charts = [
        Chart(say("chart_ttft"), say("axis_output"), say("axis_ttft"), _waits(results, "ttft", several)),
        Chart(say("chart_tpot"), say("axis_output"), say("axis_tpot"), _waits(results, "tpot", several)),
        Chart(say("chart_output"), say("axis_load"), say("axis_output"), _outputs(results, several), True),
    ]
    currencies = {one.currency for one in results}
    for currency in sorted(currencies):
        lines = _costs([(number, one) for number, one in enumerate(results) if one.currency == currency], several)
        charts.append(Chart(say("chart_cost"), say("axis_load"), say("axis_cost", currency=currency), lines, True))
    yield Charts(say("charts_note"), [chart for chart in charts if chart.lines])


def _groups(one: Measured) -> Iterator[tuple[str, list[Point]]]:
    """The closed loop's loads and the open loop's, each from the lightest to the heaviest."""
    for kind in STYLES:
        points = [point for point in one.points if point["kind"] == kind and point["figures"]["output_throughput"]]
        if points:
            yield kind, sorted(points, key=in_flight)


def _name(one: Measured, several: bool, what: str) -> Text:
    return say("line_of", name=one.name, what=say(what)) if several else say(what)


def _waits(results: Sequence[Measured], name: str, several: bool) -> list[Line]:
    lines = []
    for number, one in enumerate(results):
        for kind, points in _groups(one):
            for stat in ("median", "p95"):
                marks = [
                    Mark(point["figures"]["output_throughput"], wait, short(point) if stat == "median" else "")
                    for point in points
                    if (wait := point["figures"][f"{stat}_{name}_ms"])
                ]
                style = "tail" if stat == "p95" else STYLES[kind]
                # of two lines of p95s nobody could tell which is which; the table has the open loop's
                if marks and not (stat == "p95" and kind == "rate"):
                    lines.append(Line(_name(one, several, f"line_{stat}_{kind}"), marks, number, style))
    return lines


def _outputs(results: Sequence[Measured], several: bool) -> list[Line]:
    lines = []
    for number, one in enumerate(results):
        for kind, points in _groups(one):
            marks = [Mark(in_flight(point), point["figures"]["output_throughput"], short(point)) for point in points]
            lines.append(Line(_name(one, several, f"line_{kind}"), marks, number, STYLES[kind]))
        guesses = [(point, one.judge(point).estimate) for _, points in _groups(one) for point in points]
        marks = [Mark(in_flight(point), guess.output_throughput) for point, guess in guesses if guess]
        if marks:
            lines.append(Line(_name(one, several, "line_estimate"), marks, number, "estimate"))
    return lines


def _costs(results: Sequence[tuple[int, Measured]], several: bool) -> list[Line]:
    lines = []
    for number, one in results:
        for kind, points in _groups(one):
            marks = [
                Mark(in_flight(point), cost.per_million_output, short(point))
                for point in points
                if (cost := one.cost(point))
            ]
            lines.append(Line(_name(one, several, f"line_{kind}"), marks, number, STYLES[kind]))
        guesses = [(point, one.judge(point).estimate) for _, points in _groups(one) for point in points]
        marks = [
            Mark(in_flight(point), per_million_tokens(one.per_hour, guess.output_throughput))
            for point, guess in guesses
            if guess
        ]
        if marks:
            lines.append(Line(_name(one, several, "line_estimate"), marks, number, "estimate"))
        cost = one.cost(one.shown)
        if one.api and cost and (asked := cost.api_turn(one.api)):
            # of a token written, with the reading that this workload has for it
            height = asked / cost.tokens_out * 1e6
            loads = [in_flight(point) for _, points in _groups(one) for point in points]
            ends = [Mark(min(loads), height), Mark(max(loads), height)]
            lines.append(Line(_name(one, several, "line_api"), ends, number, "price"))
    return lines
