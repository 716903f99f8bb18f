"""Which profiles of a GPU hold what is asked, and which of them is recommended. `backend/plan.py` prints it.

A profile is considered where `backend/machines.yaml` suggests it, in that order, which is the launcher's too: the first
that meets everything that was asked is recommended. All memory and speed is estimated (`sizing.py`, `speed.py`).
Limits: one kind of GPU at a time; a card that is not in `backend/data/gpus.yaml` has no estimate.
"""

from __future__ import annotations

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
from backend.speed import Speed, ceiling_tokens_s, estimate

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
    ceiling_tokens_s: float
    within: float
    speeds: dict[int, Speed]
    """By users; empty where the model does not fit"""
    longest: tuple[int, Speed] | None
    """A prompt that fills the context asked for, less the answer, for one user alone"""
    per_hour: float | None
    problems: tuple[str, ...]
    """What was asked and is not met; empty: this profile will do"""
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
    longest = None
    if held.fits:
        speeds = {users: estimate(model, serving, facts, users, PROMPT_TOKENS, OUTPUT_TOKENS) for users in wish.columns}
        if wish.context and PROMPT_TOKENS + OUTPUT_TOKENS < wish.context <= held.max_model_len:
            prompt = wish.context - OUTPUT_TOKENS
            longest = prompt, estimate(model, serving, facts, 1, prompt, OUTPUT_TOKENS)
    measured = any(run.gpu == facts.id for run in measurements().ours())
    return Option(
        gpus=gpus,
        memory_gib=facts.memory_gib,
        profile=suggestion.profile,
        reason=suggestion.reason,
        model=model,
        serving=serving,
        fit=held,
        ceiling_tokens_s=ceiling_tokens_s(model, serving, facts),
        within=WITHIN_MEASURED if measured else WITHIN_ELSEWHERE,
        speeds=speeds,
        longest=longest,
        per_hour=per_hour(facts.id, gpus, wish.currency),
        problems=tuple(problems(held, speeds, wish)),
    )


def problems(held: Fit, speeds: dict[int, Speed], wish: Wish) -> Iterator[str]:
    """What was asked and is not met, a clause each."""
    if not held.fits:
        little = "" if held.short_gib >= ESTIMATE_ERROR_GIB else ", less than this estimate may be wrong by: try it"
        yield f"does not fit: {held.short_gib:.1f} GiB are missing on each GPU{little}"
        return
    if wish.context and wish.context > held.max_model_len:
        yield f"its context is {held.max_model_len:,} tokens, {wish.context:,} are asked for"
    speed = speeds[wish.at]
    if speed.running < wish.at:
        yield f"{speed.running} of {wish.at:,} users run at once, the others wait"
    for name, limit, value in (("ttft", wish.ttft_ms, speed.ttft_ms), ("tpot", wish.tpot_ms, speed.tpot_ms)):
        if limit is not None and value > limit:
            yield f"{name} of about {duration(value)} with {users_text(wish.at)}, {limit:,g} ms are asked for"


def users_text(number: int) -> str:
    """How many, as words."""
    return f"{number:,} user{'' if number == 1 else 's'}"


def duration(ms: float) -> str:
    """A time in the unit in which it can be read."""
    if ms < 10e3:
        return f"{ms:,.0f} ms"
    if ms < 120e3:
        return f"{ms / 1e3:.1f} s"
    return f"{ms / 60e3:.1f} minutes" if ms < 7200e3 else f"{ms / 3600e3:,.1f} hours"


def recommended(found: Sequence[Option]) -> Option | None:
    """The first that will do: machines.yaml's order, fewest GPUs first."""
    return next((option for option in found if not option.problems), None)
