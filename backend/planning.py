"""Which profiles of a GPU hold what is asked, and which of them is recommended. `backend/plan.py` prints it.

A profile is considered where `backend/machines.yaml` suggests it, in that order, which is the launcher's too: the first
that meets everything that was asked is recommended. All memory and speed is estimated (`sizing.py`, `speed.py`).
With a context asked for, all users must hold so much at once, and limits are judged for a prompt that fills it, too.
Limits: one kind of GPU at a time; a card that is not in `backend/data/gpus.yaml` has no estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.fitting import ESTIMATE_ERROR_GIB, SPLITS
from backend.gpus import GpuFacts
from backend.hardware import Gpu
from backend.machines import Suggestion, machine, table
from backend.measurements import measurements
from backend.model_checks import divides
from backend.models import ModelShape, shape
from backend.prices import per_hour, per_million_tokens
from backend.profiles import for_model, profiles
from backend.sizing import Fit, Serving, fit, serving
from backend.speed import Speed, ceiling_tokens_s, estimate, read_bytes

PROMPT_TOKENS, OUTPUT_TOKENS = 512, 512  # the article's workload, and that of the measurements
USERS = (1, 8, 64, 256)
# How far the estimate may be off: goal and test on the measured card; elsewhere what `--check` shows for recent vLLM
WITHIN_MEASURED, WITHIN_ELSEWHERE = 0.15, 0.30


@dataclass(frozen=True)
class Wish:
    """What is asked of a server."""

    model: str | None = None
    context: int | None = None
    users: int | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    currency: str = "CNY"

    @property
    def at(self) -> int:
        """The number of users at which times are judged."""
        return self.users or 1

    @property
    def columns(self) -> tuple[int, ...]:
        """The numbers of users to estimate for."""
        return tuple(sorted({*USERS, self.at}))


@dataclass(frozen=True)
class Option:
    """One profile on some GPUs."""

    gpus: int
    memory_gib: float
    """Of each of them, that was reckoned with"""
    profile: str
    reason: str
    model: ModelShape
    serving: Serving
    fit: Fit
    kv_tokens: int
    """On all GPUs together; `fit` is of one engine"""
    sequences: dict[int, int]
    """By length: how many all GPUs together hold at once; none beyond the context"""
    bandwidth_gb_s: float
    """Of one engine"""
    read_gb: float
    """Of weights, for a token"""
    ceiling_tokens_s: float
    within: float
    speeds: dict[int, Speed]
    """By users; empty where the model does not fit"""
    longest: tuple[int, Speed] | None
    """A prompt that fills the context asked for, less the answer, for one user alone"""
    running: int
    """Of the users asked for, how many run at once, each with the context asked for; 0 where the model does not fit"""
    per_hour: float | None
    problems: tuple[str, ...] = ()
    """What was asked and is not met; empty: this profile will do"""
    missed: float = 1
    """By which factor: those of all problems, multiplied"""
    split: int = 1
    """Among so many GPUs, beyond what the profile says: it does not fit one"""

    def per_million(self, users: int) -> float | None:
        """The price of a million tokens with so many users all the time."""
        if self.per_hour is None or users not in self.speeds:
            return None
        return per_million_tokens(self.per_hour, self.speeds[users].output_throughput)


def options(facts: GpuFacts, wish: Wish, count: int | None = None, memory_gib: float | None = None) -> list[Option]:
    """For one card, or for `count` of them; without a count, for every number that machines.yaml has a row for.

    `memory_gib`: what the driver reports here, where it is not the data's.
    """
    if memory_gib is not None:
        facts = replace(facts, memory_gib=memory_gib)
    found = []
    for gpus, suggestion in suggestions(facts, count, wish.model):
        profile = profiles()[suggestion.profile]
        flags: dict[str, Any] = {**profile.flags, **suggestion.flags}
        parallel = flags.get("tensor-parallel-size", 1)
        if gpus > parallel:
            flags["data-parallel-size"] = gpus // parallel
        model = shape(wish.model or flags["model"])
        made = option(suggestion, facts, gpus, model, serving(flags, model, facts), wish)
        for split in SPLITS:
            if not made.fit.fits and parallel < split <= gpus and divides(split, model):
                flags |= {"tensor-parallel-size": split, "data-parallel-size": gpus // split}
                made = replace(option(suggestion, facts, gpus, model, serving(flags, model, facts), wish), split=split)
        found.append(made)
    return found


def suggestions(facts: GpuFacts, count: int | None, model: str | None) -> Iterator[tuple[int, Suggestion]]:
    """From the rows of machines.yaml, with the number of GPUs: best first, fewest first; those that suit the model."""
    card = Gpu(facts.name, facts.memory_gib, facts.memory_gib, facts.compute_capability)
    rows = {row.count for row in table().machines if row.gpu == facts.id} or {1}
    for gpus in sorted(rows) if count is None else [count]:
        row = machine([card] * gpus)
        for suggestion in for_model(row.profiles, model) if row else ():
            yield gpus, suggestion


def option(
    suggestion: Suggestion, facts: GpuFacts, gpus: int, model: ModelShape, serving: Serving, wish: Wish
) -> Option:
    """Everything about one profile."""
    held = fit(model, serving, facts.memory_gib)
    speeds: dict[int, Speed] = {}
    longest, running = None, 0
    if held.fits:
        speeds = {users: estimate(model, serving, facts, users, PROMPT_TOKENS, OUTPUT_TOKENS) for users in wish.columns}
        running = speeds[wish.at].running
        if wish.context and PROMPT_TOKENS + OUTPUT_TOKENS < wish.context <= held.max_model_len:
            prompt = wish.context - OUTPUT_TOKENS
            longest = prompt, estimate(model, serving, facts, 1, prompt, OUTPUT_TOKENS)
            running = estimate(model, serving, facts, wish.at, prompt, OUTPUT_TOKENS).running
    measured = any(run.gpu == facts.id for run in measurements().ours())
    engines = serving.data_parallel_size
    made = Option(
        gpus=gpus,
        memory_gib=facts.memory_gib,
        profile=suggestion.profile,
        reason=suggestion.reason,
        model=model,
        serving=serving,
        fit=held,
        kv_tokens=held.kv_tokens * engines,
        sequences={
            length: number * engines if length <= held.max_model_len else 0 for length, number in held.sequences.items()
        },
        bandwidth_gb_s=facts.bandwidth_gb_s * serving.tensor_parallel_size,
        read_gb=read_bytes(model, serving.quantization) / 1e9,
        ceiling_tokens_s=ceiling_tokens_s(model, serving, facts),
        within=WITHIN_MEASURED if measured else WITHIN_ELSEWHERE,
        speeds=speeds,
        longest=longest,
        running=running,
        per_hour=per_hour(facts.id, gpus, wish.currency),
    )
    missed = tuple(problems(made, wish))
    return replace(made, problems=tuple(text for text, _ in missed), missed=math.prod(factor for _, factor in missed))


def problems(option: Option, wish: Wish) -> Iterator[tuple[str, float]]:
    """What was asked and is not met: a clause each, and by which factor it is missed."""
    held = option.fit
    if not held.fits:
        little = "" if held.short_gib >= ESTIMATE_ERROR_GIB else ", less than this estimate may be wrong by: try it"
        clause = f"does not fit: {held.short_gib:.1f} GiB are missing on each GPU{little}"
        yield clause, 1 + held.short_gib / option.memory_gib
        return
    if wish.context and wish.context > held.max_model_len:
        clause = f"its context is {held.max_model_len:,} tokens, {wish.context:,} are asked for"
        yield clause, wish.context / held.max_model_len
    if option.running < wish.at:
        each = f" with {wish.context:,} tokens each" if option.longest else ""
        yield f"{option.running:,} of {wish.at:,} users run at once{each}, the others wait", wish.at / option.running
    judged = [(f"with {users_text(wish.at)}", option.speeds[wish.at])]
    if option.longest:
        prompt, alone = option.longest
        judged.append((f"with a prompt of {prompt:,} tokens, alone", alone))
    for load, speed in judged:
        for name, limit, value in (("ttft", wish.ttft_ms, speed.ttft_ms), ("tpot", wish.tpot_ms, speed.tpot_ms)):
            if limit is not None and value > limit:
                yield f"{name} of about {duration(value)} {load}, {plain(limit)} ms are asked for", value / limit


def plain(value: float) -> str:
    """A number as it was given: 33.3, 2,000, and never 2e+06."""
    return f"{value:,.12g}"


def users_text(number: int) -> str:
    """How many, as words."""
    return f"{number:,} user{'' if number == 1 else 's'}"


def duration(ms: float) -> str:
    """A time in the unit in which it can be read."""
    if ms < 100:
        return f"{ms:.1f} ms"
    if ms < 10e3:
        return f"{ms:,.0f} ms"
    if ms < 120e3:
        return f"{ms / 1e3:.1f} s"
    return f"{ms / 60e3:.1f} minutes" if ms < 7200e3 else f"{ms / 3600e3:,.1f} hours"


def recommended(found: Sequence[Option]) -> Option | None:
    """The first that will do: machines.yaml's order, fewest GPUs first."""
    return next((option for option in found if not option.problems), None)


def nearest(found: Sequence[Option], wish: Wish) -> Option | None:
    """The one that misses least. What does not fit, or not with the context, is last: its times mean nothing."""
    context = wish.context or 0
    return min(
        found,
        key=lambda option: (not option.fit.fits, context > option.fit.max_model_len, option.missed),
        default=None,
    )
