"""What two sets of weights are asked, to be compared: held-out conversations of the bundled model, or a scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.benchmark.scenario import load

BUNDLED_MAX_TOKENS = 900
IN_WORDS = "system prompt: JSON"  # the skill of the bundled model that is to answer in JSON without being made to


@dataclass(frozen=True)
class Question:
    """A conversation whose last answer counts. `json`: whether that is to be JSON, `schema`: and of which kind.

    `right` and `expected`: what the last answer should be, where that is known.
    """

    group: str
    turns: tuple[str, ...]
    max_tokens: int
    system_prompt: str | None = None
    response_format: dict[str, Any] | None = None
    json: bool = False
    schema: dict[str, Any] | None = None
    right: Callable[[str], bool] | None = None
    expected: tuple[str, ...] = ()


def bundled(per_skill: int, seed: int) -> list[Question]:
    """About `per_skill` conversations for each skill and language, in wordings that the model was not trained on."""
    from backend.demo_model.generators import Generator
    from backend.demo_model.held_out import cases

    return [
        Question(
            group=case.group,
            turns=case.asks,
            max_tokens=BUNDLED_MAX_TOKENS,
            system_prompt=case.system_prompt,
            response_format=case.response_format,
            json=case.response_format is not None or case.skill == IN_WORDS,
            schema=case.schema,
            right=case.right,
            expected=case.expected,
        )
        for case in cases(Generator("test"), per_skill, seed)
    ]


def of_scenario(name: str) -> list[Question]:
    """A scenario of the benchmark, or a file of its kind. Raises Problem."""
    scenario = load(name)
    return [
        Question(
            group=scenario.name,
            turns=prompt.turns,
            max_tokens=prompt.max_tokens,
            system_prompt=scenario.system_prompt,
            response_format=prompt.response_format,
            json=prompt.response_format is not None,
            schema=(prompt.response_format or {}).get("json_schema", {}).get("schema"),
        )
        for prompt in scenario.prompts
    ]
