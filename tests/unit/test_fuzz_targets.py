"""The targets of the fuzzer over what it begins with, and over what it has found: `python -m tests.fuzz` goes on."""

from __future__ import annotations

import importlib

import pytest

TARGETS = {name: importlib.import_module(f"tests.fuzz.{name}") for name in ("json_text", "schema", "sse")}
INPUTS = [(name, each) for name, target in TARGETS.items() for each in (b"", *target.SEEDS, *target.FOUND)]


@pytest.mark.parametrize(("name", "data"), INPUTS, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_is_found(name: str, data: bytes) -> None:
    TARGETS[name].one_input(data)


def test_the_seeds_reach_what_they_are_for() -> None:
    """A target that refuses everything at its first step would never fail."""
    outcomes = [TARGETS["sse"].outcome([seed[1:]]) for seed in TARGETS["sse"].SEEDS]
    assert (outcomes[0].text, outcomes[0].finish_reason, outcomes[0].completion_tokens) == ("Hello", "stop", 4)
    assert (outcomes[1].reasoning, outcomes[1].text, outcomes[1].error) == ("Hm 你好", "é😀", None)
    assert [(outcome.text, outcome.error) for outcome in outcomes[2:4]] == [("Hel", "BackendBroke")] * 2
