"""A schema from an example of the JSON that is wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.schema.example import LONGEST_SOURCE, MAX_DEPTH, ConversionError, example_schema
from chat.schema.match import compare
from chat.texts import LANGUAGES, text

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def of(example: object) -> dict[str, Any]:
    return example_schema(json.dumps(example))


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_an_example_matches_its_schema(example: dict[str, object]) -> None:
    assert compare(example, of(example)) == (True, None)


@given(st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=4))
def test_all_keys_are_required_and_no_other_allowed(example: dict[str, object]) -> None:
    schema = of(example)
    assert compare({**example, "one more key": 1}, schema)[0] is False
    for key in example:
        assert compare({other: value for other, value in example.items() if other != key}, schema)[0] is False


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("a", {"type": "string"}),
        (1, {"type": "integer"}),
        (1.0, {"type": "number"}),
        (True, {"type": "boolean"}),
        (None, {"type": "null"}),
        ([], {"type": "array"}),
        ({}, {"type": "object"}),
        ([1, 2.5], {"type": "array", "items": {"type": "number"}}),
        ([None, "a"], {"type": "array", "items": {"type": ["string", "null"]}}),
        ([1, "a"], {"type": "array", "items": {"type": ["integer", "string"]}}),
        (
            [{"z": 1, "a": 1}, {"z": None}],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"z": {"type": ["integer", "null"]}, "a": {"type": "integer"}},
                    "required": ["z"],
                    "additionalProperties": False,
                },
            },
        ),
    ],
)
def test_what_becomes_of_a_value(value: object, part: dict[str, Any]) -> None:
    assert of({"key": value}) == {
        "type": "object",
        "properties": {"key": part},
        "required": ["key"],
        "additionalProperties": False,
    }


def test_the_order_of_keys_is_kept() -> None:
    schema = of({"b": 1, "a": 1, "书": 1})
    assert list(schema["properties"]) == schema["required"] == ["b", "a", "书"]


def nested(depth: int) -> object:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("pasted", "key", "line"),
    [
        ('{\n"a": 1,\n}', "take_away_no_json", 3),
        ("", "take_away_no_json", 1),
        ('{"a": NaN}', "take_away_no_json", 1),
        ("[1]", "take_away_no_object", 1),
        ('{"a": "' + "x" * LONGEST_SOURCE + '"}', "take_away_too_long", 1),
        (json.dumps({"a": nested(MAX_DEPTH)}), "take_away_too_deep", 1),
    ],
)
def test_what_is_no_example_is_refused_with_the_line(pasted: str, key: str, line: int) -> None:
    with pytest.raises(ConversionError) as refused:
        example_schema(pasted)
    assert (refused.value.key, refused.value.line) == (key, line)
    for language in LANGUAGES:
        assert text(language, key, **refused.value.values)


def test_as_deep_as_allowed() -> None:
    assert of({"a": nested(MAX_DEPTH - 1)})["type"] == "object"
