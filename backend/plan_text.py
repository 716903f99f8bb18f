"""The plan as text and as JSON. It only writes down what `backend/planning.py` found."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from backend.gpus import GpuFacts
from backend.planning import (
    OUTPUT_TOKENS,
    PROMPT_TOKENS,
    Option,
    Wish,
    duration,
    nearest,
    plain,
    recommended,
    users_text,
)
from backend.prices import Price, per_million_tokens, price

LENGTH_NAMES = {1024: "1K", 4096: "4K", 32768: "32K", 131072: "128K"}
WORKLOAD = f"{PROMPT_TOKENS} tokens in, {OUTPUT_TOKENS} out, all users at once"


def detailed(facts: GpuFacts, found: Sequence[Option], wish: Wish) -> str:
    """One GPU: each profile with its arithmetic, and the recommendation."""
    memory = found[0].memory_gib if found else facts.memory_gib
    kinds = ", ".join(f"{value:g} {kind.upper()}" for kind, value in facts.tflops.items())
    capability = ".".join(str(part) for part in facts.compute_capability)
    lines = [
        f"{facts.name}: {memory:.2f} GiB as the driver reports it (sold as {facts.label_gb} GB), "
        f"{facts.bandwidth_gb_s:,g} GB/s,",
        f"dense TFLOP/s {kinds}; compute capability {capability}" + (f"; {facts.note}" if facts.note else ""),
        f"  from: {facts.source}, {facts.date}",
        _price_line(price(facts.id, wish.currency), wish.currency),
        f"All figures below are estimates (docs/planner.md), for {WORKLOAD}.",
    ]
    for option in found:
        lines += ["", *_block(option, wish)]
    return "\n".join([*lines, "", *_recommendation(found, wish)])


def compared(found: Sequence[tuple[GpuFacts, Sequence[Option]]], wish: Wish, assumed: bool = False) -> str:
    """All GPUs: the recommended profile of each, and the cheapest that will do. `assumed`: the wish is ours."""
    users, head = wish.at, ["GPU, profile", "GPUs", "KV tokens", "ceiling"]
    head += [f"{users_text(count)} " for count in wish.columns]
    head += ["first token", f"{wish.currency}/hour", f"per million, {users_text(users)}"]
    lines = [
        f"Estimates (docs/planner.md) for {WORKLOAD}. `--gpu NAME` shows the arithmetic.",
        f"Ceiling: what bandwidth allows one user; under users: tokens/s of all together; first token: with "
        f"{users_text(users)}.",
    ]
    if assumed:
        lines.append(
            f"Nothing was asked, so {users_text(users)}, the first token within {wish.ttft_ms:,g} ms and each further "
            f"one within {wish.tpot_ms:g} ms are assumed (--users, --ttft-ms, --tpot-ms)."
        )
    rows: list[list[str]] = [head]
    paid: list[tuple[float, str]] = []
    for facts, options in found:
        option = recommended(options)
        if option is None:
            rows.append([facts.id, _nearest(options, wish)])
            continue
        rows.append(_row(facts, option, wish))
        if option.per_hour is not None:
            what = (
                f"{facts.name}, {option.profile}{_cards(option)}, at {plain(option.per_hour)} {wish.currency} an hour"
            )
            paid.append((option.per_hour, what))
    widths = [max(len(row[column]) for row in rows if len(row) > 2) for column in range(len(head))]
    widths[0] = max(len(row[0]) for row in rows)
    lines.append("")
    for row in rows:
        if len(row) == 2:
            lines.append(f"{row[0]:{widths[0]}}  - {row[1]}")
        else:
            cells = zip(row[1:], widths[1:], strict=True)
            lines.append("  ".join([f"{row[0]:{widths[0]}}", *(f"{cell:>{width}}" for cell, width in cells)]))
    lines += ["", "- for a price: none with a source in backend/data/prices.yaml; put in your own."]
    lines.append("* not all of them run at once: the others wait.")
    if paid:
        lines.append(f"The cheapest an hour that will do, of those with a price: {min(paid)[1]}.")
    else:
        lines.append("None that will do has a price.")
    return "\n".join(lines)


def _row(facts: GpuFacts, option: Option, wish: Wish) -> list[str]:
    """One GPU's cells."""
    speeds = [option.speeds[users] for users in wish.columns]
    return [
        option.profile if option.profile.startswith(facts.id) else f"{facts.id}, {option.profile}",
        f"{option.gpus}",
        f"{option.kv_tokens:,}",
        f"{option.ceiling_tokens_s:,.0f}",
        *(
            f"{speed.output_throughput:,.0f}" + ("*" if speed.running < users else " ")
            for users, speed in zip(wish.columns, speeds, strict=True)
        ),
        duration(option.speeds[wish.at].ttft_ms),
        _money(option.per_hour),
        _money(option.per_million(wish.at)),
    ]


def as_json(found: Sequence[tuple[GpuFacts, Sequence[Option]]], wish: Wish) -> dict[str, Any]:
    """The same for machines."""
    return {
        "note": "Estimates (docs/planner.md), but for facts and prices, which have a source.",
        "workload": {"prompt_tokens": PROMPT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        "wish": asdict(wish),
        "gpus": [_gpu_json(facts, options, wish) for facts, options in found],
    }


def _gpu_json(facts: GpuFacts, options: Sequence[Option], wish: Wish) -> dict[str, Any]:
    best = recommended(options)
    paid = price(facts.id, wish.currency)
    return {
        "facts": asdict(facts),
        "price": asdict(paid) if paid else None,
        "recommended": {"gpus": best.gpus, "profile": best.profile, "reason": best.reason} if best else None,
        "options": [_option_json(option) for option in options],
    }


def _option_json(option: Option) -> dict[str, Any]:
    whole = asdict(option)
    del whole["fit"]["sequences"]  # of one engine, of whatever context: the option's own are what it serves
    return whole | {"per_million_tokens": {users: option.per_million(users) for users in option.speeds}}


def _block(option: Option, wish: Wish) -> Iterator[str]:
    """One profile."""
    cards = _cards(option)
    yield f"{option.profile}{cards} ({option.model.id}): {'; '.join(option.problems) or 'will do'}"
    yield from (f"  {step}" for step in option.fit.steps)
    if not option.fit.fits:
        return
    engines = option.serving.data_parallel_size
    yield (
        "  sequences  "
        + ", ".join(f"{number:,} of {LENGTH_NAMES[length]}" for length, number in option.sequences.items())
        + f"; context up to {option.fit.max_model_len:,}; at most "
        f"{option.serving.max_num_seqs * engines:,} run at once (--max-num-seqs)"
        + (f"; {engines:,} replicas" if engines > 1 else "")
    )
    yield (
        f"  ceiling    {option.ceiling_tokens_s:.0f} tokens/s for one user: {option.bandwidth_gb_s:,g} GB/s / "
        f"{option.read_gb:.2f} GB of weights read for a token (of input words only a few rows)"
    )
    yield from (f"  {_expected(option, users, wish.currency)}" for users in option.speeds)
    yield f"  the arithmetic with {wish.at}:"
    yield from (f"  {step}" for step in option.speeds[wish.at].steps)
    if option.longest:
        prompt, speed = option.longest
        yield (
            f"  a prompt of {prompt:,} tokens, alone: first token after {duration(speed.ttft_ms)}, "
            f"then {speed.tpot_ms:.1f} ms each"
        )


def _expected(option: Option, users: int, currency: str) -> str:
    """One number of users: the range of tokens/s, times, price."""
    speed = option.speeds[users]
    low, high = (speed.output_throughput * (1 + sign * option.within) for sign in (-1, 1))
    text = f"{users:>4,} user{'s' if users > 1 else ' '} {low:,.0f} to {high:,.0f} tokens/s, "
    text += f"first token {duration(speed.ttft_ms)}, then {speed.tpot_ms:.1f} ms each"
    if option.per_hour is not None:
        least, most = (per_million_tokens(option.per_hour, tokens_s) for tokens_s in (high, low))
        text += f"; {_money(least)} to {_money(most)} {currency} a million tokens"
    return text + (f"; {speed.running} run at once" if speed.running < users else "")


def _recommendation(found: Sequence[Option], wish: Wish) -> Iterator[str]:
    best = recommended(found)
    if best is None:
        yield "Recommended: none of these; " + (_nearest(found, wish) if found else "no profile suits this model") + "."
        return
    yield f"Recommended: {best.profile}{_cards(best)}: {best.reason}."
    yield f"  It is the first in the order of backend/machines.yaml that {_met(wish)}."
    model = f" --model {shlex.quote(wish.model)}" if wish.model else ""
    split = f" -- --tensor-parallel-size {best.split}" if best.split > 1 else ""
    yield f"  python -m backend.serve --profile {best.profile}{model}{split}"
    if best.per_hour is not None:
        yield f"  It costs {plain(best.per_hour)} {wish.currency} an hour."


def _nearest(options: Sequence[Option], wish: Wish) -> str:
    """The option that misses least of what was asked, and what it misses."""
    least = nearest(options, wish)
    return f"{least.profile}{_cards(least)}: {'; '.join(least.problems)}" if least else "no profile suits this model"


def _met(wish: Wish) -> str:
    """What was asked, as a clause."""
    each = f" for each of {users_text(wish.users)} at once" if wish.users else ""
    asked = [
        f"holds {wish.context:,} tokens{each}" if wish.context else "",
        f"runs {users_text(wish.users)} at once" if wish.users and not wish.context else "",
        f"gives the first token within {plain(wish.ttft_ms)} ms" if wish.ttft_ms else "",
        f"gives each further one within {plain(wish.tpot_ms)} ms" if wish.tpot_ms else "",
    ]
    met = " and ".join(clause for clause in asked if clause) or "fits"
    limited = wish.ttft_ms is not None or wish.tpot_ms is not None
    return met + (", also after a prompt that fills the context, alone" if wish.context and limited else "")


def _price_line(found: Price | None, currency: str) -> str:
    if found is None:
        return f"price: none in {currency} with a source for it; put yours into backend/data/prices.yaml"
    cards = f" for {found.gpus} of them" if found.gpus > 1 else ""
    return f"price: {plain(found.per_hour)} {found.currency} an hour{cards} ({found.source}; date: {found.date})"


def _cards(option: Option) -> str:
    if option.gpus == 1:
        return ""
    return f" on {option.gpus:,} GPUs" + (f", the model split among {option.split}" if option.split > 1 else "")


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
