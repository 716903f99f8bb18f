"""Whether a result's figures are what the rest of the file makes of them: those of a repeat its requests, those of a
load its repeats. A file that was edited by hand shows here.

A request's times are kept to the microsecond, so a figure may lie anywhere between what they make when each is a little
shorter and when each is a little longer. Of the gaps between tokens only each request's longest is kept: no more is
known of the ITL than that it is within those. Limits: a file whose requests were edited to fit is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.benchmark.cost import Point, repeats
from backend.benchmark.figures import Figures, figures, over_repeats
from backend.benchmark.stream import Outcome

OFF_S = 2e-6  # a kept time is at most half a microsecond off, a difference of two a whole one
OFF_MS = 0.002


def unlike_requests(part: Mapping[str, Any], limits_ms: Mapping[str, float]) -> str | None:
    """What of a repeat its own requests do not make; None: nothing, or they do not tell their times and tokens."""
    requests, duration_s = part["requests"], part["figures"]["duration"]
    if any(one.get("start_ms") is None or one.get("output_tokens") is None for one in requests):
        return None
    end_s = max((one["start_ms"] + (one["e2el_ms"] or 0.0) for one in requests), default=0.0) / 1000
    if duration_s < end_s - OFF_S:
        return f"figures.duration is {duration_s:g} s, and its requests took {end_s:g} s"
    short, long = (_figures(requests, duration_s, limits_ms, off_s) for off_s in (-OFF_S, OFF_S))
    told = {**part["figures"], "mean_streams": part["client"]["mean_streams"]}
    return _first_unlike(told, short, long, "its requests make")


def unlike_repeats(point: Point) -> str | None:
    """What of a load is not the median of its repeats."""
    medians, _ = over_repeats([part["figures"] for part in repeats(point)])
    return _first_unlike(point["figures"], medians, medians, "the median of its repeats is")


def _first_unlike(told: Figures, low: Figures, high: Figures, makes: str) -> str | None:
    for name in [name for name in told if name in low]:
        value, *ends = told[name], low[name], high[name]
        known = [end for end in ends if end is not None]
        if value is None or not known:
            is_like = value is None and not known
        else:
            slack = OFF_MS if name.endswith("_ms") else 1e-9 * value
            is_like = min(known) - slack <= value <= max(known) + slack
        if not is_like:
            shown = ["nothing" if one is None else f"{one:g}" for one in (value, *ends[:1])]
            return f"figures.{name} is {shown[0]}, and {makes} {shown[1]}"
    return None


def _figures(
    requests: list[dict[str, Any]], duration_s: float, limits_ms: Mapping[str, float], off_s: float
) -> Figures:
    """With every time so much longer: E2EL by twice as much, so that a TPOT, its difference to the TTFT, grows too."""
    outcomes = [
        Outcome(
            prompt="",
            turn=0,
            start_s=one["start_ms"] / 1000,
            ttft_s=None if one["ttft_ms"] is None else one["ttft_ms"] / 1000 + off_s,
            e2el_s=(one["e2el_ms"] or 0.0) / 1000 + 2 * off_s,
            prompt_tokens=one.get("prompt_tokens"),
            output_tokens=one["output_tokens"],
            error=("", "") if "error" in one else None,
        )
        for one in requests
    ]
    made = figures(outcomes, duration_s, limits_ms)
    gaps = [gap for one in requests if "error" not in one and (gap := one.get("max_itl_ms")) is not None]
    within = (0.0 if off_s < 0 else max(gaps)) if gaps else None
    made |= {name: within for name in made if "_itl_" in name}
    return made | {"mean_streams": sum(one.e2el_s for one in outcomes) / duration_s}
