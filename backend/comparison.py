"""The planner's estimates beside what was measured, and the article's table judged: `python -m backend.plan --check`.

For a measured point with its number of users, the estimate and how far it is off. For the article's rows, which say no
number, the number of users at which the estimate reaches the row's tokens/s, and the time to the first token there.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from backend.measurements import ARTICLE, Measurements, Point, Run, measurements
from backend.speed import Speed, ceiling_tokens_s, estimate

MOST_USERS = 1024
WIDTH = 112


@dataclass(frozen=True)
class Row:
    """One point and its estimate. `off` is the estimate's relative error: in tokens/s, else in time per token."""

    run: Run
    point: Point
    estimate: Speed
    ours: bool

    @property
    def off(self) -> float:
        if self.point.tokens_s is not None:
            return self.estimate.output_throughput / self.point.tokens_s - 1
        return (self.point.tpot_ms or math.nan) / self.estimate.tpot_ms - 1  # turned over: + means too fast here, too


@dataclass(frozen=True)
class Verdict:
    """A row of the article: can it be true, and with how many users?"""

    run: Run
    ceiling_tokens_s: float
    users: int | None
    """At which the estimate reaches the row's tokens/s; None: at none"""
    alone: Speed
    there: Speed | None

    @property
    def text(self) -> str:
        said = self.run.points[0]
        if self.users is None or self.there is None:
            return "can't be: no number of users reaches it"
        if self.users == 1:
            return "can be, for one user"
        times = (said.tokens_s or math.nan) / self.ceiling_tokens_s
        return (
            f"{times:.1f} x the ceiling for one user; can be with about {self.users} users; first token "
            f"{self.alone.ttft_ms:.0f} ms for one alone, {self.there.ttft_ms:.0f} for {self.users} at once, "
            f"{said.ttft_ms:g} said"
        )


def at(run: Run, users: int) -> Speed:
    """The estimate for a run's workload."""
    return estimate(run.shape, run.serving, run.facts, users, run.prompt_tokens, run.output_tokens)


def rows(measured: Measurements | None = None) -> Iterator[Row]:
    """Every point of which the number of users is known."""
    measured = measured or measurements()
    for run in measured.runs:
        for point in run.points:
            if point.users is not None:
                yield Row(run, point, at(run, point.users), measured.sources[run.source].ours)


def verdicts() -> Iterator[Verdict]:
    """The article's rows."""
    for run in measurements().runs:
        if run.source != ARTICLE:
            continue
        wanted = run.points[0].tokens_s or 0
        users = next((n for n in range(1, MOST_USERS + 1) if at(run, n).output_throughput >= wanted), None)
        ceiling = ceiling_tokens_s(run.shape, run.serving, run.facts)
        yield Verdict(run, ceiling, users, at(run, 1), at(run, users) if users else None)


def text() -> str:
    """The whole comparison, for reading."""
    lines = [
        "Estimates beside measurements (512 tokens in, 512 out unless another source; * = used for calibration)",
        "",
    ]
    head = f"{'':26}{'users':>6}{'tokens/s':>10}{'estimate':>10}{'off':>8}"
    lines.append(f"{head}   {'ttft':>6}{'est.':>6}   {'tpot':>6}{'est.':>7}")
    for row in rows():
        point, speed = row.point, row.estimate
        mark = "*" if point.calibrates else " "
        lines.append(
            f"{row.run.name:26}{point.users:>6}{_number(point.tokens_s, 0):>10}{speed.output_throughput:>10,.0f}"
            f"{row.off:>+7.0%}{mark}   {_number(point.ttft_ms, 0):>6}{speed.ttft_ms:>6,.0f}   "
            f"{_number(point.tpot_ms, 2):>6}{speed.tpot_ms:>7.2f}"
        )
    lines += [
        "",
        "off: of tokens/s where they were measured, else of the speed after the first token. Times in ms, medians.",
    ]
    worst = max((row for row in rows() if row.ours and not row.point.calibrates), key=lambda row: abs(row.off))
    lines.append(f"The worst of ours without *: {worst.run.name}, {worst.point.users} users, {worst.off:+.1%}.")
    lines += ["", "The article's table:", ""]
    for verdict in verdicts():
        tokens_s = verdict.run.points[0].tokens_s
        lines.append(_wrapped(f"{verdict.run.name:23}", f"{tokens_s:g} tokens/s: {verdict.text}"))
    lines += ["", "Sources:", ""]
    sources = measurements().sources.items()
    lines += [_wrapped(f"{name:9}", f"{source.text}; {source.date}") for name, source in sources]
    return "\n".join(lines)


def _wrapped(start: str, rest: str) -> str:
    return textwrap.fill(rest, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
