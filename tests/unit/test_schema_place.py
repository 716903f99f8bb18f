"""Names that are odd: properties called like numbers, when checked and compared, and a long one in a sentence."""

from __future__ import annotations

import pytest

from chat.schema.check import check_schema
from chat.schema.match import compare


@pytest.mark.parametrize("name", ["0", "00", "1", "01", "+1", "-1", "1.0", "1e1", "18446744073709551616", "", "+"])
def test_a_property_may_be_called_like_a_number(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "array", "items": {"type": "string"}}}}
    matches, violation = compare({"a": 1, name: ["x", 1]}, schema)
    assert matches is False
    assert violation is not None
    assert violation.path == f"/{name}/1"
    written = f'{{"type": "object", "properties": {{"a": {{}},\n"{name}": {{\n"type": "text"}}}}}}'
    [problem] = check_schema(written)[1]
    assert (problem.key, problem.line) == ("schema_meta_unknown_type", 3)
    assert problem.values == {"place": f"/properties/{name}/type"}


def test_of_names_that_are_the_same_number_one_is_told_that_has_the_place() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    schema = {"properties": {"01": inner}}
    violation = compare({"1": "text", "+1": [1], "01": {"b": 1}}, schema)[1]
    assert violation is not None
    assert violation.path == "/01/b"


def test_what_a_text_repeats_is_named_in_short() -> None:
    """A key twice, however long and whatever is in it: the sentence stays on one line."""
    key = "k\x7f" * 5_000
    _, problems = check_schema(f'{{"{key}": 1, "{key}": 2}}')
    assert [(problem.key, problem.values["name"]) for problem in problems] == [
        ("schema_duplicate_key", "k\N{REPLACEMENT CHARACTER}" * 29 + "k…")
    ]
