"""The figures of one run, with vLLM's names and definitions (`vllm bench serve --save-result`).

For `ttft`, `tpot`, `itl` and `e2el`: mean, median, std (of the population), p95 and p99 (linear between neighbours),
in ms, over the requests that succeeded. `output_throughput` is output tokens ÷ duration, `duration` from the first
request's start to the last one's end. `request_goodput` counts the requests that kept every limit; one of a single
token has a TPOT of 0 there. A figure that nothing was measured for is null, where vLLM writes 0.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from backend.benchmark.problems import Problem
from backend.benchmark.stream import Outcome

Figures = dict[str, float | None]
LIMITS = ("ttft", "tpot", "e2el")
LATENCIES = ("ttft", "tpot", "itl", "e2el")


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the neighbours, as numpy's default."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def parse_goodput(words: Sequence[str]) -> dict[str, float]:
    """`ttft:500 tpot:50`, in ms, as vLLM's option takes it."""
    limits: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition(":")
        try:
            limits[name] = float(value)
        except ValueError:
            limits[name] = -1
        if name not in LIMITS or not 0 < limits[name] < math.inf:
            raise Problem(f"--goodput {word}: write a limit as ttft:500, in ms; there are {', '.join(LIMITS)}.")
    return limits


def is_good(outcome: Outcome, goodput_ms: Mapping[str, float]) -> bool:
    """Whether a request kept every limit."""
    reached = {"ttft": outcome.ttft_s, "tpot": outcome.tpot_s or 0.0, "e2el": outcome.e2el_s}
    return all((reached[name] or 0.0) * 1000 <= limit for name, limit in goodput_ms.items())


def figures(outcomes: Sequence[Outcome], duration_s: float, goodput_ms: Mapping[str, float]) -> Figures:
    """Every figure of a run."""
    done = [outcome for outcome in outcomes if outcome.error is None]
    tokens_out = sum(outcome.output_tokens for outcome in done)
    tokens_in = sum(outcome.prompt_tokens or 0 for outcome in done)
    counted: Figures = {
        "duration": duration_s,
        "completed": len(done),
        "failed": len(outcomes) - len(done),
        "total_input_tokens": tokens_in,
        "total_output_tokens": tokens_out,
        "request_throughput": len(done) / duration_s,
        "request_goodput": sum(is_good(one, goodput_ms) for one in done) / duration_s if goodput_ms else None,
        "output_throughput": tokens_out / duration_s,
        "total_token_throughput": (tokens_in + tokens_out) / duration_s,
        "max_concurrent_requests": most_at_once(outcomes),
    }
    values = {
        "ttft": [one.ttft_s for one in done if one.ttft_s is not None],
        "tpot": [one.tpot_s for one in done if one.tpot_s is not None],
        "itl": [gap for one in done for gap in one.itls_s],
        "e2el": [one.e2el_s for one in done],
    }
    for name, seconds in values.items():
        counted |= _latency(name, [value * 1000 for value in seconds])
    return counted


def _latency(name: str, ms: Sequence[float]) -> Figures:
    return {
        f"mean_{name}_ms": statistics.fmean(ms) if ms else None,
        f"median_{name}_ms": percentile(ms, 50) if ms else None,
        f"std_{name}_ms": statistics.pstdev(ms) if ms else None,
        f"p95_{name}_ms": percentile(ms, 95) if ms else None,
        f"p99_{name}_ms": percentile(ms, 99) if ms else None,
    }


def most_at_once(outcomes: Sequence[Outcome]) -> int:
    """The most requests that were under way at the same moment."""
    changes = [(one.start_s, 1) for one in outcomes] + [(one.start_s + one.e2el_s, -1) for one in outcomes]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def errors(outcomes: Sequence[Outcome]) -> dict[str, dict[str, object]]:
    """How many failed of each kind, and what the first of them was told."""
    kinds = Counter(one.error[0] for one in outcomes if one.error)
    first = {one.error[0]: one.error[1] for one in reversed(outcomes) if one.error}
    return {kind: {"count": count, "first": first[kind]} for kind, count in kinds.items()}


def over_repeats(runs: Sequence[Figures]) -> tuple[Figures, dict[str, list[float]]]:
    """For each figure the median of the repeats, and its least and greatest value."""
    medians: Figures = {}
    spread: dict[str, list[float]] = {}
    for name in runs[0]:
        values = [value for run in runs if (value := run.get(name)) is not None]
        medians[name] = statistics.median(values) if values else None
        if values:
            spread[name] = [min(values), max(values)]
    return medians, spread
