"""What of an answer in JSON mode parses, and the verdict on it."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.json_output import (
    MAX_DEPTH,
    MAX_WHITESPACE,
    Ending,
    Verdict,
    WhitespaceLoop,
    judge,
    parse,
    response_format,
    what_parses,
    with_instruction,
)

ENDINGS: tuple[Ending, ...] = ("complete", "cut", "stopped", "broken", "looping")
BOOKS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "books": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "a/b~c": {"type": "integer"}},
                "required": ["title"],
                "additionalProperties": False,
            },
        },
        "count": {"type": "integer"},
    },
    "required": ["books"],
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=4)
indents = st.sampled_from([None, 0, 2, 8])
# all code points, halves of pairs more often than by chance
any_text = st.text(st.characters() | st.characters(categories=["Cs"]))


def is_prefix(part: object, whole: object) -> bool:
    """Lists and strings begin the same, objects have the first keys; only what comes last may be unfinished."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and is_prefix(list(part.values()), list(whole.values()))
    if isinstance(part, list) and isinstance(whole, list):
        if len(part) > len(whole) or part[:-1] != whole[: max(len(part) - 1, 0)]:
            return False
        return not part or is_prefix(part[-1], whole[len(part) - 1])
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return type(part) is type(whole) and part == whole


@given(objects, indents)
def test_a_complete_object_is_valid_and_shown_indented(value: dict[str, object], indent: int | None) -> None:
    output = judge(json.dumps(value, indent=indent), "complete")
    assert (output.verdict, output.parses, output.matches, output.parse_error) == ("valid", True, None, None)
    assert output.shown == json.dumps(value, ensure_ascii=False, indent=2)


@pytest.mark.parametrize(
    ("ending", "verdict"), [("cut", "cut"), ("broken", "cut"), ("looping", "cut"), ("stopped", "stopped")]
)
def test_only_a_complete_answer_is_valid(ending: Ending, verdict: Verdict) -> None:
    output = judge('{"books": []}', ending, BOOKS)
    # It may parse and match all the same, and that is told.
    assert (output.verdict, output.ending, output.parses, output.matches) == (verdict, ending, True, True)
    output = judge('{"books": [', ending, BOOKS)
    assert (output.verdict, output.parses, output.matches) == (verdict, False, None)
    assert output.shown == '{"books": ['


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ("[1]", None),
        ("null", None),
        ('{"a": 1', (1, 8)),
        ('{"a": 1}}', (1, 9)),
        ("```json\n{}\n```", (1, 1)),
        ('{"书": 1,\n "b": x}', (2, 7)),
        ('{"a": NaN}', (1, 7)),
        ('{"a":\n[-Infinity]}', (2, 2)),
        ('{"a": 1e400}', (1, 7)),
        ('{"a": "\n"}', (1, 8)),
        ('{"a": ' + "9" * 5000 + "}", (1, 7)),
        ("[" * 100_000, (1, MAX_DEPTH + 1)),
        ('{"a":' * 100_000, (1, 5 * MAX_DEPTH + 1)),
        ("x NaN", (1, 1)),
        ("\ufeff{}", (1, 1)),
    ],
)
def test_what_is_no_object_is_invalid_and_kept_as_it_is(text: str, place: tuple[int, int] | None) -> None:
    output = judge(text, "complete")
    assert (output.verdict, output.shown, output.parses, output.parse_error) == ("invalid", text, False, place)


def test_of_a_key_written_twice_the_last_value_counts() -> None:
    assert parse('{"a": 1, "a": 2}') == ({"a": 2}, None)


@pytest.mark.parametrize("text", ['{"a": "\\ud83d", "b": "\\ude00x"}', '{"a": "\ud83d", "b": "\ude00x"}'])
def test_half_a_pair_is_replaced(text: str) -> None:
    assert parse(text) == ({"a": "\ufffd", "b": "\ufffdx"}, None)
    assert what_parses(text[:-2]) == {"a": "\ufffd", "b": "\ufffdx"}
    assert judge(text, "complete").verdict == "valid"
    judge(text[:-1], "cut").shown.encode()


@pytest.mark.parametrize("text", ['{"a": "\\\\ud83d"}', '{"a": "\\ud83d\\ude00"}'])
def test_what_only_looks_like_half_a_pair_is_kept(text: str) -> None:
    assert parse(text)[0] == json.loads(text)


@given(objects, st.booleans(), indents, st.data())
def test_each_beginning_of_an_object_has_a_value_that_begins_the_same(
    value: dict[str, object], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    end = data.draw(st.integers(1, len(text)))
    assert is_prefix(what_parses(text[:end]), value), text[:end]
    assert what_parses(text) == value


@given(st.lists(any_text, max_size=3), st.data())
def test_no_half_of_a_pair_comes_out_of_a_cut_text(texts: list[str], data: st.DataObject) -> None:
    for text in (json.dumps({"texts": texts}), json.dumps({"texts": texts}, ensure_ascii=False)):
        cut = text[: data.draw(st.integers(1, len(text)))]
        json.dumps(what_parses(cut), ensure_ascii=False).encode()
        judge(cut, "cut").shown.encode()
    text = json.dumps({"texts": texts})
    assert is_prefix(what_parses(text[: data.draw(st.integers(1, len(text)))]), what_parses(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{", {}),
        ('{"a": 12', {}),
        ('{"a": -', {}),
        ('{"a": 1.5e', {}),
        ('{"a": 12 ', {"a": 12}),
        ('{"a": "12', {"a": "12"}),
        ('{"a": tru', {}),
        ('{"a": true', {"a": True}),
        ('{"a": 1, "b": NaN, "c": 1}', {"a": 1}),
        ('{"a": 1, "b": 1e400', {"a": 1}),
        ('{"a": [1, {"b": "c\\u00', {"a": [1, {"b": "c"}]}),
        ("12", 12),
        ("Sure! {", None),
        ('{"a" 1}', None),
        ('{"a": 1}} and so on', {"a": 1}),
    ],
)
def test_what_parses(text: str, value: object) -> None:
    assert what_parses(text) == value


@given(st.text('{}[],:"\\ \n1e-.NaInfty0ud8c'))
def test_no_text_makes_it_fail_or_lets_more_than_json_through(text: str) -> None:
    output = judge(text, "complete", BOOKS)
    assert output.verdict in ("valid", "mismatch", "invalid")
    json.dumps(what_parses(text), allow_nan=False)


@given(objects | values, st.sampled_from(ENDINGS), st.booleans(), st.data())
def test_valid_is_complete_parsing_and_matching(
    value: object, ending: Ending, with_schema: bool, data: st.DataObject
) -> None:
    text = json.dumps(value)
    text = data.draw(
        st.sampled_from([text, text[:-1], text + "}", f'{{"books": {text}}}', '{"books": [{"title": ""}]}'])
    )
    schema = BOOKS if with_schema else None
    try:
        parsed: object = json.loads(text)
    except ValueError:
        parsed = None
    matching = isinstance(parsed, dict) and (schema is None or jsonschema.Draft202012Validator(schema).is_valid(parsed))
    assert (judge(text, ending, schema).verdict == "valid") == (ending == "complete" and matching)


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"count": 1}, "", '"books" is a required property'),
        ({"count": "x", "books": [{"title": 1}]}, "/count", '"x" is not of type "integer"'),
        ({"books": [{"title": 1}], "count": "x"}, "/books/0/title", '1 is not of type "string"'),
        ({"books": [{"title": "a"}, {"title": "b", "a/b~c": "x"}]}, "/books/1/a~1b~0c", '"x" is not of type "integer"'),
        ({"books": [{"title": 1, "other": 1}]}, "/books/0", "'other' was unexpected"),
    ],
)
def test_the_first_violation_is_named(value: object, path: str, reason: str) -> None:
    output = judge(json.dumps(value), "complete", BOOKS)
    assert (output.verdict, output.parses, output.matches) == ("mismatch", True, False)
    assert output.violation is not None
    assert output.violation.path == path
    assert reason in output.violation.reason


@given(st.text(' \n\t"\\a', max_size=30), st.integers(0, 2 * MAX_WHITESPACE), st.text(' "\\a', max_size=5), st.data())
def test_a_loop_of_white_space_is_found_however_it_comes(
    before: str, length: int, after: str, data: st.DataObject
) -> None:
    text = before + " " * length + after
    outside = re.sub(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', '""', text, flags=re.DOTALL)
    expected = re.search(rf"\s{{{MAX_WHITESPACE + 1}}}", outside) is not None
    cut = data.draw(st.integers(0, len(text)))
    whole, halves, characters = WhitespaceLoop(), WhitespaceLoop(), WhitespaceLoop()
    assert whole.feed(text) == expected
    assert [halves.feed(text[:cut]), halves.feed(text[cut:])][-1] == expected
    assert ([characters.feed(character) for character in text] or [False])[-1] == expected


@pytest.mark.parametrize(
    ("before", "looping"),
    [
        ("", True),
        ('{"a":', True),
        ('"a', False),
        ('"a\\"', False),
        ('"a\\\\"', True),
        ('"a\\\\\\"', False),
        ('"', False),
    ],
)
def test_only_white_space_outside_strings_is_a_loop(before: str, looping: bool) -> None:
    assert WhitespaceLoop().feed(before + "\n" * (MAX_WHITESPACE + 1)) == looping
    assert not WhitespaceLoop().feed(before + "\n" * MAX_WHITESPACE + "1" + "\n" * MAX_WHITESPACE)


def test_what_is_asked_of_the_server() -> None:
    assert response_format("any", None) == {"type": "json_object"}
    asked = response_format("own-1", BOOKS)
    assert asked == {"type": "json_schema", "json_schema": {"name": "own-1", "schema": BOOKS, "strict": True}}


def test_the_instruction_follows_the_system_prompt() -> None:
    assert with_instruction("Be brief", "JSON") == "Be brief\nJSON"
    assert with_instruction("", "JSON") == "JSON"
