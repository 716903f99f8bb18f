"""Patterns in a user's schema: which are taken, and which could take forever or are not what the server writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, RegexOptions

from chat.schema.pattern import inspect


@pytest.mark.parametrize(
    "pattern",
    [
        *("^(-[a-z]+)*$", "^(\\d{1,3}\\.){3}\\d{1,3}$", "^([0-9a-f]{2}){16}$", "^(a|b)+$", "^([A-Z][a-z]+ ?)+$"),
        *("^(a?b)*$", "^[\\w.+-]+@[\\w-]+\\.[\\w.]+$", "^https?://[^ ]+$", "^#[0-9a-fA-F]{6}$", "^[一-龥]{2,4}$"),
        *(
            "^a$|^b{2}$",
            "^(19|20)\\d\\d-(0[1-9]|1[0-2])$",
            "^(?:a|b)$",
            "^\\u4e2d\\x41$",
            "^a{2,}?$",
            ".*foo.*",
            '^["a]$',
        ),
    ],
)
def test_what_people_write_is_taken(pattern: str) -> None:
    report = inspect(pattern)
    assert (report.key, report.whole) == (None, True)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+b", "(a*)*", "(a|a)*", "(a|aa)+", "(a|b|ab)*", "(.*a){10}", "([a-z]+\\s?)+", "((a|b)+c?)*", "(a?){20}"),
        *(
            "(a|)*",
            "^(([a-z])+.)+[A-Z]([a-z])+$",
            "(x+x+)+y",
            "(\\w+\\d+)*",
            "([^a]|[^b])*",
            "(?:(?:a+)?)*",
            "(a{1,3}){2}",
        ),
    ],
)
def test_what_can_take_forever_is_refused(pattern: str) -> None:
    assert inspect(pattern).key == "schema_pattern_forever"


@pytest.mark.parametrize(
    ("pattern", "key", "part"),
    [
        ("(?<=a)b", "schema_pattern_group", "(?<"),
        ("(?i)a", "schema_pattern_group", "(?i"),
        ("(?P<x>a)", "schema_pattern_group", "(?P"),
        ("\\bfoo", "schema_pattern_escape", "\\b"),
        ("(a)\\1", "schema_pattern_escape", "\\1"),
        ("\\p{L}", "schema_pattern_escape", "\\p"),
        ("a$b", "schema_pattern_anchor", "$"),
        ("(^a$)", "schema_pattern_anchor", "^"),
        ("[z-a]", "schema_pattern_syntax", "[z-a"),
        ("a{,5}", "schema_pattern_syntax", "{,5}"),
        ("a{3,2}", "schema_pattern_syntax", "{3,2}"),
        ("a{²}", "schema_pattern_syntax", "{²}"),
        ("a++", "schema_pattern_syntax", "a++"),
        ("[]", "schema_pattern_syntax", "[]"),
        ("\\ud83d", "schema_pattern_syntax", "\\ud83d"),
        ("^\\n$", "schema_pattern_unwritable", "\\n"),
        ("^[\\\\\\t]$", "schema_pattern_unwritable", "[\\\\\\t]"),
        ("a{1001}", "schema_pattern_repeats", "a{1001}"),
        ("(" * 30 + "a" + ")" * 30, "schema_pattern_syntax", "(" * 30 + "a" + ")" * 30),
    ],
)
def test_what_is_refused_is_named(pattern: str, key: str, part: str) -> None:
    report = inspect(pattern)
    assert (report.key, report.values) == (key, {"part": part})


@pytest.mark.parametrize("pattern", ["a", "^a", "a$", "^a$|b", "^a\\$", ""])
def test_a_pattern_that_leaves_its_ends_open_is_noticed(pattern: str) -> None:
    assert not inspect(pattern).whole


@given(st.text("ab0(|)*+?{},[]^-.$\\dw", max_size=14))
def test_whatever_is_taken_is_a_pattern_for_the_validator(pattern: str) -> None:
    if inspect(pattern).key is None:
        Draft202012Validator({"pattern": pattern}, pattern_options=RegexOptions())
