"""Whether prompts fit the server's context, asked of the server's own tokenizer before anything is measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from backend.benchmark.endpoint import Endpoint
from backend.benchmark.problems import Problem
from backend.benchmark.scenario import Prompt, Scenario

NAMED = 5  # prompts that a sentence names


@dataclass(frozen=True)
class Sizes:
    """Tokens of the first requests of the prompts, in the server's tokens; None where it does not count."""

    least: int | None
    median: float | None
    most: int | None


async def fit(endpoint: Endpoint, scenario: Scenario, leave_out: bool) -> tuple[Scenario, Sizes]:
    """The scenario without what does not fit, or a sentence about that. A conversation must fit with every answer."""
    whole = [prompt.messages(scenario.system_prompt, [""] * (len(prompt.turns) - 1)) for prompt in scenario.prompts]
    counts = await endpoint.counts(whole)
    if endpoint.max_model_len is None or None in counts:
        return scenario, Sizes(None, None, None)
    needed = {
        prompt.id: (count or 0) + prompt.max_tokens * len(prompt.turns)
        for prompt, count in zip(scenario.prompts, counts, strict=True)
    }
    long = [prompt for prompt in scenario.prompts if needed[prompt.id] > endpoint.max_model_len]
    if len(long) == len(scenario.prompts) or (long and not leave_out):
        raise Problem(_sentence(endpoint, scenario, long, needed))
    fitting = replace(
        scenario,
        prompts=tuple(prompt for prompt in scenario.prompts if prompt not in long),
        left_out=tuple(prompt.id for prompt in long),
    )
    kept = [count for prompt, count in zip(scenario.prompts, counts, strict=True) if count and prompt not in long]
    return fitting, Sizes(min(kept), statistics.median(kept), max(kept))


def _sentence(endpoint: Endpoint, scenario: Scenario, long: list[Prompt], needed: dict[str, int]) -> str:
    some = ", ".join(f"{prompt.id} needs {needed[prompt.id]:,}" for prompt in long[:NAMED])
    more = f" and {len(long) - NAMED} more" if len(long) > NAMED else ""
    which = "No prompt" if len(long) == len(scenario.prompts) else f"{len(long)} of {len(scenario.prompts)} prompts"
    verb = "fits" if which == "No prompt" else "do not fit"
    remedies = ["lower --max-tokens", "serve with a larger --max-model-len"]
    if which != "No prompt":
        remedies.insert(0, "leave them out with --skip-too-long")
    return (
        f"{which} of scenario {scenario.name} {verb} the context of {endpoint.model}, {endpoint.max_model_len:,} "
        f"tokens for question and answer together ({some}{more}): {', '.join(remedies[:-1])} or {remedies[-1]}."
    )
