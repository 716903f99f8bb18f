"""The report's sections about what was measured: the answer, the curves, costs by load, the machine's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.benchmark.cost import KEPT, Point, kept, repeats, tokens_in
from backend.benchmark.report_blocks import Block, Cards, Paragraph, Row, Table
from backend.benchmark.report_measured import Measured, load, parameters
from backend.benchmark.report_text import Text, joined_by_comma, number, percent, plain, rounded, say


def answer(one: Measured) -> Iterator[Block]:
    """The few figures of the best load, and what must be known to read them."""
    yield from warnings(one)
    cost = one.cost(one.shown)
    if cost is None:
        return
    if one.best is None and one.limits_ms:
        yield Paragraph(say("no_load_keeps", limits=one.limits, share=percent(KEPT)), "warning")
    elif one.best is None:
        yield Paragraph(say("no_load_answers", share=percent(KEPT)), "warning")
    elif one.limits_ms:
        yield Paragraph(say("best_keeps", load=load(one.best), limits=one.limits, share=percent(KEPT)))
    else:
        yield Paragraph(say("best_without_limits", load=load(one.best), share=percent(KEPT)))
    figures, currency = one.shown["figures"], one.currency
    yield Cards(
        [
            (say("unit_tokens_s", value=number(cost.output_throughput, 0)), say("output_together")),
            (say("unit_ms", value=number(figures["median_ttft_ms"])), say("ttft_median")),
            (say("unit_ms", value=number(figures["median_tpot_ms"], 1)), say("tpot_median")),
            (plain(f"{rounded(cost.per_million_output)} {currency}"), say("per_million")),
            (plain(rounded(cost.tokens_s_per_unit)), say("index", currency=currency)),
            (plain(f"{rounded(1000 * cost.per_turn)} {currency}"), say("per_thousand_turns")),
        ]
    )
    written = number(cost.tokens_out)
    turn = say("turn_uncounted", tokens_out=written)
    if cost.tokens_in is not None:
        turn = say("turn", tokens_in=number(cost.tokens_in), tokens_out=written)
    price: dict[str, Text | str] = {"price": f"{one.per_hour:g} {currency}", "source": one.price_source}
    yield Paragraph(say("reckoned", **price, turn=turn, turns=number(cost.turns_per_hour)), "note")


def warnings(one: Measured) -> Iterator[Block]:
    """What makes the figures say less than they seem to."""
    machine = one.machine
    if not one.result["complete"]:
        yield Paragraph(say("incomplete", reason=str(one.result["stopped"])), "warning")
    yield from _failed(one)
    yield from _impossible(one)
    if any(point["figures"]["completed"] and tokens_in(point) is None for point in one.points):
        yield Paragraph(say("not_counted"), "warning")
    if machine.on_cpu and machine.shape:
        yield Paragraph(say("on_cpu", model=one.model, parameters=parameters(machine.shape)), "warning")
    elif machine.on_cpu:
        yield Paragraph(say("on_cpu_unknown_model", model=one.model), "warning")
    elif machine.shape and not one.is_articles_model:
        yield Paragraph(say("another_model", model=one.model, parameters=parameters(machine.shape)), "warning")
    if (machine.flags or {}).get("load-format") == "dummy":
        yield Paragraph(say("random_weights"), "note")
    if left := one.result["scenario"]["left_out"]:
        yield Paragraph(
            say("left_out", count=number(len(left)), prompts=number(one.result["scenario"]["prompts"])), "note"
        )


def _failed(one: Measured) -> Iterator[Block]:
    requests = [request for point in one.points for part in point["repeats"] for request in part["requests"]]
    kinds = Counter(str(request["error"]) for request in requests if "error" in request)
    if kinds:
        counted = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())
        values = {"failed": number(kinds.total()), "asked": number(len(requests)), "kinds": counted}
        yield Paragraph(say("requests_failed", **values), "warning")


def _impossible(one: Measured) -> Iterator[Block]:
    loads = [load(point) for point in one.points if one.judge(point).impossible]
    if loads:
        key = "impossible" if one.machine.flags is not None else "impossible_as_assumed"
        yield Paragraph(say(key, loads=joined_by_comma(loads), machine=one.machine.name), "warning")


def by_load(one: Measured) -> Iterator[Block]:
    """Every load: speed, waits, what it costs."""
    head = [say("load"), say("output_s")]
    head += [say("per_million_head", currency=one.currency), say("per_thousand_head", currency=one.currency)]
    head += [say("ttft"), plain("p95"), say("tpot"), plain("p95"), say("kept_head"), say("failed")]
    rows = [Row(_load_cells(one, point), "best" if point is one.best else "") for point in one.points]
    caption = say("by_load_caption", repeats=_repeats(one.points), scenario=one.scenario)
    yield Table(caption, head, rows)
    if one.best:
        yield Paragraph(say("best_marked"), "note")


def _repeats(points: Sequence[Point]) -> Text:
    """How many there are: fewer than were wanted where it was stopped, and then some loads may have one more."""
    counts = [len(repeats(point)) for point in points]
    least, most = min(counts), max(counts)
    if most == 1:
        return say("one_repeat")
    return say("medians_over", repeats=str(most) if least == most else f"{least}–{most}")


def _load_cells(one: Measured, point: Point) -> Sequence[Text]:
    figures, cost = point["figures"], one.cost(point)
    cells = [number(figures["output_throughput"], 1)]
    cells += [rounded(cost.per_million_output if cost else None), rounded(1000 * cost.per_turn if cost else None)]
    cells += [number(figures[name], 0) for name in ("median_ttft_ms", "p95_ttft_ms")]
    cells += [number(figures[name], 1) for name in ("median_tpot_ms", "p95_tpot_ms")]
    cells += [percent(kept(point, one.limits_ms)), number(figures["failed"])]
    return [load(point), *(plain(cell) for cell in cells)]


def break_even(one: Measured) -> Iterator[Block]:
    """Beside a hosted API."""
    cost, api = one.cost(one.shown), one.api
    if cost is None:
        return
    if api is None:
        yield Paragraph(say("no_api_price", model=one.model, currency=one.currency))
        return
    asked = cost.api_turn(api)
    if asked is None:
        yield Paragraph(say("api_needs_counts"))
        return
    source = plain(f"{api.source}, {api.date}") if api.model else say("api_price_given")
    prices: dict[str, Text | str] = {
        "read": f"{api.input_per_million:g}",
        "written": f"{api.output_per_million:g} {one.currency}",
    }
    turn: dict[str, Text | str] = {"tokens_in": number(cost.tokens_in), "tokens_out": number(cost.tokens_out)}
    there = f"{rounded(1000 * asked)} {one.currency}"
    here = f"{rounded(1000 * cost.per_turn)} {one.currency}"
    yield Paragraph(say("api", **prices, **turn, source=source, there=there, here=here, load=load(one.shown)))
    needed = cost.per_hour / asked
    values: dict[str, Text | str] = {
        "turns": number(needed),
        "most": number(cost.turns_per_hour),
        "load": load(one.shown),
    }
    share = needed / cost.turns_per_hour
    if share <= 1:
        yield Paragraph(say("cheaper_from", **values, share=percent(share)))
    else:
        yield Paragraph(say("never_cheaper", **values, times=rounded(share)))
    if api.model == "" and not one.is_articles_model:
        yield Paragraph(say("api_of_which_model", model=one.model), "note")
    yield Paragraph(say("idle"), "note")


def repeat(one: Measured) -> Iterator[Block]:
    """All that is needed to do it again."""
    result, machine = one.result, one.machine
    server, client, scenario = result["server"], result["client"], result["scenario"]
    line = " ".join(server["command_line"] or [])
    facts: list[tuple[str, Text]] = [
        ("how_command", plain(result["command"])),
        ("how_when", plain(f"{result['started']} – {result['finished']}")),
        ("how_machine", machine.name),
        (
            "how_server",
            plain(f"{server['model']}, vLLM {server['version']}") if server["version"] else plain(server["model"]),
        ),
        ("how_flags", plain(line) if line else say("how_flags_unknown")),
        ("how_scenario", _prompts(scenario)),
        ("how_client", plain(f"Python {client['python']}, {client['platform']}, {client['pagoda_commit'] or '–'}")),
    ]
    yield Table(
        say("how_caption"), [say("how_what"), say("how_value")], [Row([say(key), text]) for key, text in facts], True
    )


def _prompts(scenario: Mapping[str, Any]) -> Text:
    median = scenario["prompt_tokens"]["median"]
    values = {"name": scenario["name"], "prompts": number(scenario["prompts"]), "hash": scenario["sha256"][:12]}
    if median is None:
        return say("how_scenario_uncounted", **values)
    return say("how_scenario_text", median=number(median), **values)
