"""The article's three scenarios: what is asked, what the article takes, what is recommended, what was measured here.

Options, estimates and prices are the planner's (`backend/planning.py`): of all GPUs with a price, the cheapest an hour
that meets everything asked. A figure that misses is marked. What was measured counts where it is the article's model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backend.benchmark.cost import KEPT, Point, kept
from backend.benchmark.judge import weights_name
from backend.benchmark.report_blocks import Block, Heading, Paragraph, Row, Table
from backend.benchmark.report_measured import Measured
from backend.benchmark.report_text import Text, number, plain, rounded, say
from backend.gpus import known
from backend.machines import Suggestion, table
from backend.measurements import Run, measurements
from backend.planning import Option, Wish, option, options
from backend.prices import per_million_tokens

LONG = 131072
NONE = plain("–")


@dataclass(frozen=True)
class Scenario:
    """`key` names its sentences; `runs`: rows of the article's table; `long`: conversations of 128K at once."""

    key: str
    wish: Wish
    runs: tuple[str, ...]
    long: int = 0


# What the article leaves open, how many and how fast, is set here.
SCENARIOS = (
    Scenario("prototype", Wish(users=4, ttft_ms=1000, tpot_ms=50), ("GPTQ 4-bit, T4",)),
    Scenario("service", Wish(users=32, ttft_ms=2000, tpot_ms=50), ("FP16, A10", "FP16, L4")),
    Scenario("long", Wish(users=8, context=LONG, tpot_ms=50), ("FP16, two A100 40 GB",), long=4),
)


def advice(results: Sequence[Measured], currency: str) -> Iterator[Block]:
    """Each scenario with its table and its reasons."""
    for scenario in SCENARIOS:
        yield Heading(say(f"scenario_{scenario.key}"), 3)
        scenario = replace(scenario, wish=replace(scenario.wish, currency=currency))
        best = recommended(scenario)
        rows = [_asked(scenario)]
        for name in scenario.runs:
            run = measurements().run(name)
            choice = say("row_article", gpu=_gpus(run.facts.name, run.serving.gpus), what=weights_name(run.serving))
            rows.append(_row(choice, articles(run, scenario.wish), scenario))
        if best:
            what = _gpus(best[0], best[1].gpus)
            rows.append(
                replace(_row(say("row_recommended", gpu=what, profile=best[1].profile), best[1], scenario), kind="best")
            )
        rows += [_measured(one, scenario) for one in results if one.is_articles_model]
        head = [say("advice_what"), say("advice_users"), say("advice_context"), say("advice_long")]
        head += [say("ttft"), say("tpot"), say("advice_hour", currency=currency)]
        head += [say("per_million_head", currency=currency)]
        yield Table(say("advice_caption", users=number(scenario.wish.at)), head, rows)
        yield Paragraph(_reason(scenario, best))
        yield Paragraph(say(f"scenario_{scenario.key}_why"), "note")
    others = sorted({one.model for one in results if not one.is_articles_model})
    if others:
        yield Paragraph(say("advice_not_from", models=plain(", ".join(others))), "note")


def recommended(scenario: Scenario) -> tuple[str, Option] | None:
    """The cheapest an hour of what meets everything, among the GPUs that have profiles and a price."""
    with_profiles = {row.gpu for row in table().machines}
    found: list[tuple[float, str, Option]] = []
    for facts in known():
        for one in options(facts, scenario.wish) if facts.id in with_profiles else ():
            if one.per_hour is not None and not one.problems and long_conversations(one) >= scenario.long:
                found.append((one.per_hour, facts.name, one))
    # of equal prices the first, which is machines.yaml's order
    best = min(found, key=lambda one: one[0], default=None)
    return (best[1], best[2]) if best else None


def articles(run: Run, wish: Wish) -> Option:
    """The article's choice as the planner sees it."""
    return option(Suggestion(run.name, ""), run.facts, run.serving.gpus, run.shape, run.serving, wish)


def long_conversations(one: Option) -> int:
    """Of 128K tokens each, at once."""
    return one.fit.sequences[LONG] * one.serving.data_parallel_size if one.fit.max_model_len >= LONG else 0


def _gpus(name: str, count: int) -> str:
    return f"{count} × {name}" if count > 1 else name


def _marked(text: str, misses: bool) -> Text:
    return plain(f"{text} ✗" if misses else text)


def _asked(scenario: Scenario) -> Row:
    wish = scenario.wish
    cells = [number(wish.users), number(wish.context), number(scenario.long or None)]
    cells += [f"≤ {wish.ttft_ms:g}" if wish.ttft_ms else "–", f"≤ {wish.tpot_ms:g}" if wish.tpot_ms else "–", "–", "–"]
    return Row([say("row_asked"), *(plain(cell) for cell in cells)])


def _row(name: Text, one: Option, scenario: Scenario) -> Row:
    wish = scenario.wish
    if not one.fit.fits:
        return Row([name, say("does_not_fit"), *[NONE] * 6])
    speed, long = one.speeds[wish.at], long_conversations(one)
    cells = [
        _marked(number(speed.running), speed.running < wish.at),
        _marked(number(one.fit.max_model_len), one.fit.max_model_len < (wish.context or 0)),
        _marked(number(long), long < scenario.long),
        _marked(number(speed.ttft_ms), speed.ttft_ms > (wish.ttft_ms or math.inf)),
        _marked(number(speed.tpot_ms, 1), speed.tpot_ms > (wish.tpot_ms or math.inf)),
        plain(rounded(one.per_hour)),
        plain(rounded(one.per_million(wish.at))),
    ]
    return Row([name, *cells])


def _measured(one: Measured, scenario: Scenario) -> Row:
    """The heaviest load that kept the scenario's times."""
    wish = scenario.wish
    limits = {name: limit for name, limit in (("ttft", wish.ttft_ms), ("tpot", wish.tpot_ms)) if limit}
    name = say("row_measured", machine=one.machine.name, name=one.name)
    held = [point for point in one.points if point["kind"] == "concurrency" and (kept(point, limits) or 0) >= KEPT]
    point: Point | None = max(held, key=lambda point: int(point["value"]), default=None)
    if point is None:
        return Row([name, plain("0 ✗"), *[NONE] * 6], "measured")
    figures, context = point["figures"], one.result["server"]["max_model_len"]
    users = int(point["value"])
    same = one.currency == wish.currency
    million = per_million_tokens(one.per_hour, figures["output_throughput"])
    cells = [
        _marked(number(users), users < wish.at),
        _marked(number(context), (context or 0) < (wish.context or 0)),
        NONE,
        plain(number(figures["median_ttft_ms"])),
        plain(number(figures["median_tpot_ms"], 1)),
        plain(rounded(one.per_hour) if same else f"{rounded(one.per_hour)} {one.currency}"),
        plain(rounded(million) if same else f"{rounded(million)} {one.currency}"),
    ]
    return Row([name, *cells], "measured")


def _reason(scenario: Scenario, best: tuple[str, Option] | None) -> Text:
    if best is None:
        return say("advice_none", currency=scenario.wish.currency)
    gpu, one = best
    speed = one.speeds[scenario.wish.at]
    chosen = {measurements().run(name).gpu for name in scenario.runs}
    same = any(facts.name == gpu and facts.id in chosen for facts in known())
    return say(
        "advice_reason",
        gpu=_gpus(gpu, one.gpus),
        profile=one.profile,
        price=f"{rounded(one.per_hour)} {scenario.wish.currency}",
        weights=number(one.fit.weights_gib, 1),
        kind=weights_name(one.serving),
        kv=number(one.fit.kv_tokens * one.serving.data_parallel_size),
        rate=number(speed.output_throughput),
        beside=say("advice_same" if same else "advice_other"),
    )
