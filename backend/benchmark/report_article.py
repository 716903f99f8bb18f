"""The article's table, row by row: what it says, what the planner estimates, what was measured here.

The article does not say how many users asked at once, so each row is estimated three times: for one user, for as many
as its tokens/s need, and for as many as keep the limits. The arithmetic is `backend/comparison.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backend.benchmark.judge import weights_name
from backend.benchmark.report_blocks import Block, Paragraph, Row, Table
from backend.benchmark.report_measured import Measured, limits_text, load
from backend.benchmark.report_text import Text, number, plain, rounded, say
from backend.comparison import MOST_USERS, Verdict, at, verdicts
from backend.measurements import Run
from backend.prices import per_hour
from backend.speed import Speed

CURRENCY = "CNY"  # of the article


def article(results: Sequence[Measured]) -> Iterator[Block]:
    """The table, then what is wrong with it."""
    limits = results[0].limits_ms
    found = list(verdicts())
    rows: list[Row] = []
    placed: list[Measured] = []
    for verdict in found:
        here = [one for one in results if _is_of(one, verdict.run)]
        placed += here
        rows += _rows(verdict, here, limits)
    for one in results:
        if one not in placed:
            group = say("article_not_in_it", machine=one.machine.name, model=one.model, name=one.name)
            rows += [Row([group], "group"), *_measured(one)]
    head = [say("article_said_by"), say("ttft"), say("unit_head_tokens_s"), say("per_hour_head"), say("index_head")]
    yield Table(say("article_caption"), head, rows)
    yield Paragraph(
        say("article_note", limits=limits_text(limits)) if limits else say("article_note_no_limits"), "note"
    )
    times = [(verdict.run.points[0].tokens_s or 0) / verdict.ceiling_tokens_s for verdict in found]
    users = [verdict.users for verdict in found if verdict.users]
    yield Paragraph(
        say(
            "article_verdict",
            beyond=number(sum(one > 1 for one in times)),
            rows=number(len(found)),
            least=number(min(times), 1),
            most=number(max(times), 1),
            fewest=number(min(users)),
            many=number(max(users)),
        )
    )


def _is_of(one: Measured, run: Run) -> bool:
    """Whether it has the row's GPU, as many of them, and its model; the weights may be others, which is said there."""
    facts = one.machine.facts
    return bool(facts and facts.id == run.gpu and one.machine.gpus == run.serving.gpus and one.is_articles_model)


def _rows(verdict: Verdict, here: Sequence[Measured], limits: Mapping[str, float]) -> Iterator[Row]:
    run, said = verdict.run, verdict.run.points[0]
    price = per_hour(run.gpu, run.serving.gpus, CURRENCY)
    cards = f"{run.serving.gpus} × " if run.serving.gpus > 1 else ""
    yield Row([plain(f"{cards}{run.facts.name}, {weights_name(run.serving)}")], "group")
    times = number((said.tokens_s or 0) / verdict.ceiling_tokens_s, 1)
    yield _row(say("article_said", times=times), said.ttft_ms, said.tokens_s, price, CURRENCY)
    yield _estimated(say("estimated_one"), verdict.alone, price)
    if verdict.there and verdict.users:
        yield _estimated(say("estimated_as_fast", users=number(verdict.users)), verdict.there, price)
    if limits:
        users, speed = most_within(run, limits)
        if speed:
            yield _estimated(say("estimated_within", users=number(users)), speed, price)
        else:
            yield Row([say("estimated_within_none"), *[plain("–")] * 4])
    for one in here:
        yield from _measured(one)
    if not here:
        yield Row([say("measured_not"), *[plain("–")] * 4])


def most_within(run: Run, limits_ms: Mapping[str, float]) -> tuple[int, Speed | None]:
    """The most users with whom the estimated medians keep the limits and all run at once; 0: not even one."""
    best: tuple[int, Speed | None] = (0, None)
    for users in range(1, MOST_USERS + 1):
        speed = at(run, users)
        whole = speed.ttft_ms + (run.output_tokens - 1) * speed.tpot_ms
        reached = {"ttft": speed.ttft_ms, "tpot": speed.tpot_ms, "e2el": whole}
        if speed.running < users or any(reached[name] > limit for name, limit in limits_ms.items()):
            break
        best = users, speed
    return best


def _measured(one: Measured) -> Iterator[Row]:
    weights = weights_name(one.machine.serving) if one.machine.serving else None
    guess = one.judge(one.shown).estimate
    if guess:
        yield _row(
            say("estimated_there", load=load(one.shown)),
            guess.ttft_ms,
            guess.output_throughput,
            one.per_hour,
            one.currency,
        )
    figures = one.shown["figures"]
    name = say("measured_here", load=load(one.shown))
    name = say("with_weights", what=name, weights=weights) if weights else name
    said = _row(name, figures["median_ttft_ms"], figures["output_throughput"], one.per_hour, one.currency)
    yield Row(said.cells, "measured")


def _estimated(name: Text, speed: Speed, price: float | None) -> Row:
    return _row(name, speed.ttft_ms, speed.output_throughput, price, CURRENCY)


def _row(name: Text, ttft_ms: float | None, tokens_s: float | None, price: float | None, currency: str) -> Row:
    index = rounded(tokens_s / price) if tokens_s and price else "–"
    unit = "" if currency == CURRENCY else f" {currency}"
    cells = [number(ttft_ms), number(tokens_s), f"{price:g}{unit}" if price else "–", f"{index}"]
    return Row([name, *(plain(cell) for cell in cells)])
