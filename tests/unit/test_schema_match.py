"""Comparing a value with a schema that may come from a stranger."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chat.json_output import judge
from chat.schema.match import MAX_NODES, Violation, compare

BOOK = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_a_violation_within_an_alternative_is_found_there(keyword: str) -> None:
    schema = {"properties": {"book": {keyword: [{"type": "null"}, BOOK]}}}
    assert compare({"book": {"title": 5}}, schema) == (False, Violation("/book/title", '5 is not of type "string"'))


def test_a_long_reason_keeps_what_is_wrong() -> None:
    _, violation = compare({"books": ["x" * 1000]}, {"properties": {"books": {"items": BOOK}}})
    assert violation is not None
    assert len(violation.reason) <= 200
    assert violation.reason.startswith('"xxx')
    assert violation.reason.endswith('is not of type "object"')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "#/missing"},
        {"$ref": "#"},
        {"$ref": "other.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "(?=a)"}}},
        {"properties": {"a": {"pattern": "a{1000}{1000}{1000}"}}},
        {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}, "$ref": "#/$defs/d0"},
        {"enum": [{}] * MAX_NODES},
        {"title": "\ud800"},
    ],
)
def test_a_schema_that_is_none_is_not_compared_and_never_called_valid(schema: dict[str, Any]) -> None:
    output = judge("{}", "complete", schema)
    assert (output.verdict, output.parses, output.matches, output.violation) == ("mismatch", True, None, None)


@pytest.mark.parametrize("looked_through", [True, False])
def test_no_schema_makes_it_fetch_anything(looked_through: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not looked_through:  # the validator alone must not do it either
        monkeypatch.setattr("chat.schema.match._is_small", lambda schema: True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/schema"
        for schema in ({"$ref": url}, {"$schema": url}, {"$id": url, "$ref": "other"}, {"$dynamicRef": url}):
            assert compare({}, schema)[1] is None
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_pattern_takes_linear_time() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}, "patternProperties": {"^(b|b)*$": {"type": "string"}}}
    assert compare({"a": "a" * 5000 + "!", "b" * 5000 + "!": ""}, schema)[0] is False  # exponential never ends


def test_references_within_the_schema_are_followed() -> None:
    schema = {"$defs": {"a/b": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a~1b"}}}
    assert compare({"x": "y"}, schema) == (True, None)
    assert compare({"x": 1}, schema)[0] is False


def test_what_a_schema_is_called_is_no_matter() -> None:
    schema = {
        "$id": "no URI",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/b"}},
        "$defs": {"b": {"const": 1}},
    }
    assert compare({"a": 1}, schema) == (True, None)
    assert compare({"a": 2}, schema)[0] is False
