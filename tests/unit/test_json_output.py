"""The verdict on an answer in JSON mode."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.json_output import Ending, judge, with_instruction

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_a_complete_object_is_valid_and_shown_indented(value: dict[str, object]) -> None:
    output = judge(json.dumps(value), "complete")
    assert output.verdict == "valid"
    assert json.loads(output.shown) == value
    assert output.shown == json.dumps(value, ensure_ascii=False, indent=2)


@pytest.mark.parametrize("ending", ["cut", "stopped", "broken"])
def test_only_a_complete_answer_is_valid(ending: Ending) -> None:
    output = judge('{"a": 1}', ending)
    assert (output.verdict, output.shown) == (ending, '{"a": 1}')


@pytest.mark.parametrize("text", ["", "[1]", "null", '{"a": 1', '{"a": 1}}', "```json\n{}\n```", "[" * 100_000])
def test_what_is_no_object_is_invalid_and_kept_as_it_is(text: str) -> None:
    assert judge(text, "complete") == judge(text, "complete")
    assert judge(text, "complete").verdict == "invalid"
    assert judge(text, "complete").shown == text


def test_the_instruction_follows_the_system_prompt() -> None:
    assert with_instruction("Be brief", "JSON") == "Be brief\nJSON"
    assert with_instruction("", "JSON") == "JSON"
