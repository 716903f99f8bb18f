"""The check of a user's JSON Schema: what it finds, at which line and column, and each one's sentence."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest

from chat.schema.check import MOST_PROBLEMS, Problem, check_schema
from chat.texts import LANGUAGES, sentences, text

STRING = {"type": "string"}
ANYTHING: dict[str, Any] = {}


def of(value: object, **more: Any) -> dict[str, Any]:
    """A schema of an object with one property, `v`."""
    return {"type": "object", "properties": {"v": value}, **more}


def nested(levels: int, keyword: str = "properties") -> dict[str, Any]:
    """Objects in objects, or alternatives in alternatives."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"v": schema}} if keyword == "properties" else {keyword: [schema]}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    """References that each stand for two more: a few lines, and 2 ** levels values."""
    parts: dict[str, Any] = {"d0": STRING}
    for level in range(levels):
        ref = {"$ref": f"#/$defs/d{level}"}
        parts[f"d{level + 1}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    return of({"$ref": f"#/$defs/d{levels}"}, **{"$defs": parts})


# What each is called, and at which line and column it is found.
TEXTS: list[tuple[str, str, int, int]] = [
    ("schema_empty", " \n ", 1, 1),
    ("schema_too_long", '{"title": "' + "x" * 70_000 + '"}', 1, 1),
    ("schema_too_nested", "[\n" * 65 + "]" * 65, 65, 1),
    ("schema_too_nested", '{"a":\n' * 10_000, 65, 1),
    ("schema_number_too_large", '{"maximum":\n 1e999}', 2, 2),
    ("schema_number_too_large", '{"maximum": ' + "9" * 5000 + "}", 1, 13),
    ("schema_duplicate_key", '{"type": "object",\n "title": "a",\n "type": "object"}', 3, 2),
    ("schema_duplicate_key", '{"a": {"b": 1},\n "c": [{"b": 1, "\\u0062": 2}]}', 2, 17),
    ("schema_lone_surrogate", '{"title":\n "\\ud83d"}', 2, 2),
    ("schema_json_value", '{"a":\n }', 2, 2),
    ("schema_json_value", '{"minimum": NaN}', 1, 13),
    ("schema_json_name", "{\n'a': 1}", 2, 1),
    ("schema_json_colon", '{"a"\n 1}', 2, 2),
    ("schema_json_comma", '{"a": 1\n "b": 2}', 2, 2),
    ("schema_json_trailing", '{"a": 1,\n}', 1, 8),
    ("schema_json_trailing", '["a",\n\n]', 1, 5),
    ("schema_json_unterminated", '{"a": \n"b}', 2, 1),
    ("schema_json_control", '{"a": "b\n"}', 1, 9),
    ("schema_json_escape", '{"a": "\\q"}', 1, 8),
    ("schema_json_extra", "{}\n{}", 2, 1),
    ("schema_not_object", "[]", 1, 1),
    ("schema_not_object", "true", 1, 1),
]

# What each is called, and the path of the part where it is found.
ERRORS: list[tuple[str, object, str]] = [
    ("schema_meta_type", of({"minLength": "3"}), "properties v minLength"),
    ("schema_meta_type", {"required": "v"}, "required"),
    ("schema_meta_type", of(of({"type": "array", "items": [1]})), "properties v properties v items"),
    ("schema_meta_unknown_type", of({"type": "text"}), "properties v type"),
    ("schema_meta_unknown_type", of({"type": []}), "properties v type"),
    ("schema_meta_negative", of({"maxItems": -1}), "properties v maxItems"),
    ("schema_meta_zero", of({"multipleOf": 0}), "properties v multipleOf"),
    ("schema_meta_none", of({"anyOf": []}), "properties v anyOf"),
    ("schema_meta_twice", of(STRING, required=["v", "v"]), "required"),
    ("schema_meta_other", of(STRING, **{"$id": "a#b"}), "$id"),
    ("schema_too_many_values", of({"enum": list(range(1999))}), "properties v enum 1995"),
    ("schema_too_deep", nested(16), " ".join(["properties v"] * 16)),
    ("schema_unions_too_deep", of(nested(4, "anyOf")), "properties v anyOf 0 anyOf 0 anyOf 0 anyOf 0"),
    ("schema_unions_too_deep", of(nested(4, "oneOf")), "properties v oneOf 0 oneOf 0 oneOf 0 oneOf 0"),
    ("schema_enum_too_long", of({"enum": list(range(1001))}), "properties v enum"),
    ("schema_value_too_long", of({"enum": ["x", "x" * 1001]}), "properties v enum 1"),
    ("schema_value_too_long", of({"const": ["x" * 1001]}), "properties v const"),
    ("schema_count_too_large", of({"type": "array", "items": STRING, "minItems": 1001}), "properties v minItems"),
    ("schema_count_too_large", of({"type": "string", "maxLength": 10_001}), "properties v maxLength"),
    ("schema_count_too_large", of({"type": "integer", "minimum": 2**63}), "properties v minimum"),
    ("schema_whole_number", of({"type": "integer", "minimum": 0.5}), "properties v minimum"),
    ("schema_whole_number", of({"type": "string", "maxLength": 5.0}), "properties v maxLength"),
    (
        "schema_lengths_together",
        {"type": "object", "properties": {f"v{n}": {"type": "string", "maxLength": 300 + n} for n in range(6)}},
        "",
    ),
    (
        "schema_patterns_together",
        {"type": "object", "properties": {f"v{n}": {"type": "string", "pattern": "a" * 250} for n in range(17)}},
        "properties v16 pattern",
    ),
    ("schema_dialect", of(STRING, **{"$schema": "https://example.com/mine"}), "$schema"),
    ("schema_nested_id", of({"$id": "https://example.com/v"}), "properties v $id"),
    ("schema_ref_remote", of({"$ref": "https://example.com/v.json"}), "properties v $ref"),
    ("schema_ref_remote", of({"$ref": "file:///etc/passwd"}), "properties v $ref"),
    ("schema_ref_remote", of({"$ref": "other.json#/$defs/v"}), "properties v $ref"),
    ("schema_ref_dynamic", of({"$dynamicRef": "#v"}), "properties v $dynamicRef"),
    ("schema_ref_escaped", of({"$ref": "#/$defs/a~1b"}, **{"$defs": {"a/b": STRING}}), "properties v $ref"),
    ("schema_ref_escaped", of({"$ref": "#/$defs/a%20b"}, **{"$defs": {"a b": STRING}}), "properties v $ref"),
    ("schema_ref_missing", of({"$ref": "#/$defs/v"}), "properties v $ref"),
    ("schema_ref_missing", of({"$ref": "#v"}, **{"$defs": {"v": {"$anchor": "v"}}}), "properties v $ref"),
    ("schema_ref_in_value", of({"enum": [{"$ref": "#"}]}), "properties v enum 0 $ref"),
    ("schema_ref_recursive", of({"$ref": "#"}), "properties v $ref"),
    ("schema_ref_recursive", of({"$ref": "#/properties/v"}), "properties v $ref"),
    (
        "schema_ref_recursive",
        of({"$ref": "#/$defs/a"}, **{"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}),
        "$defs a items $ref",
    ),
    (
        "schema_ref_recursive",
        of(STRING, **{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        "$defs b $ref",
    ),
    ("schema_refs_too_large", doubling(12), ""),
    ("schema_pattern_too_long", of({"type": "string", "pattern": "^a" * 129}), "properties v pattern"),
    ("schema_pattern_nul", of({"type": "string", "pattern": "a\0"}), "properties v pattern"),
    ("schema_pattern_syntax", of({"type": "string", "pattern": "("}), "properties v pattern"),
    ("schema_pattern_anchor", of({"type": "string", "pattern": "a^b"}), "properties v pattern"),
    ("schema_pattern_group", of({"type": "string", "pattern": "(?=a)b"}), "properties v pattern"),
    ("schema_pattern_escape", of({"type": "string", "pattern": "(a)\\1"}), "properties v pattern"),
    ("schema_pattern_unwritable", of({"type": "string", "pattern": '^"$'}), "properties v pattern"),
    ("schema_pattern_repeats", of({"type": "string", "pattern": "(a{50}){50}"}), "properties v pattern"),
    ("schema_pattern_forever", of({"type": "object", "patternProperties": {"(a+)+b": {}}}),
     "properties v patternProperties (a+)+b"),
    ("schema_top_not_object", {"type": "array", "items": STRING}, "type"),
    ("schema_top_not_object", {"type": ["object", "null"], "properties": {"v": STRING}}, "type"),
    ("schema_top_not_object", {}, ""),
    ("schema_top_not_object", of(STRING, anyOf=[{"required": ["v"]}]), "anyOf 0"),
    ("schema_top_not_object", {"$ref": "#/$defs/v", "$defs": {"v": STRING}}, "$defs v type"),
    ("schema_refused", of({"type": ["array"], "items": STRING, "uniqueItems": False}), "properties v uniqueItems"),
    ("schema_refused", of({"type": "number", "multipleOf": 0.01}), "properties v multipleOf"),
    ("schema_refused_format", of({"type": "string", "format": "iban"}), "properties v format"),
    ("schema_format_broken", of({"type": "string", "format": "json-pointer"}), "properties v format"),
    ("schema_refused_together", of({"type": "string", "pattern": "^a+$", "maxLength": 3}), "properties v maxLength"),
    ("schema_refused_many", of({"allOf": [{"minimum": 1}, {"maximum": 5}]}), "properties v allOf"),
    ("schema_refused_many", {"type": "object", "patternProperties": {"^x$": {}, "^y$": {}}}, "patternProperties"),
    # the server takes data for a schema, too
    ("schema_refused_many", of({"const": {"allOf": [1, 2]}}), "properties v const allOf"),
    ("schema_refused_boolean", of(False), "properties v"),
    ("schema_refused_boolean", of({"type": "array", "prefixItems": [True]}), "properties v prefixItems 0"),
    ("schema_refused_names", {"type": "object", "propertyNames": {"enum": [1]}}, "propertyNames"),
    ("schema_const_unfit", of({"type": "string", "const": 1}), "properties v const"),
    ("schema_const_not_in_enum", of({"const": True, "enum": [1]}), "properties v const"),
    ("schema_enum_empty", of({"enum": []}), "properties v enum"),
    ("schema_enum_unfit", of({"type": ["string", "null"], "enum": [1, 2.5]}), "properties v enum"),
    ("schema_bounds_crossed", of({"type": "number", "minimum": 3, "exclusiveMaximum": 3}), "properties v minimum"),
    (
        "schema_bounds_crossed",
        of({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 4}),
        "properties v exclusiveMinimum",
    ),
    ("schema_bounds_crossed", of({"type": "string", "minLength": 5, "maxLength": 4}), "properties v minLength"),
    ("schema_too_few_allowed", of(STRING, required=["v"], maxProperties=0), "maxProperties"),
    ("schema_too_many_demanded", of(STRING, minProperties=2), "minProperties"),
    ("schema_too_many_demanded", of({"type": "array", "minItems": 1}), "properties v minItems"),
    ("schema_required_undefined", of(STRING, required=["w"], additionalProperties=False), "required 0"),
]  # fmt: skip

WARNINGS: list[tuple[str, object, str]] = [
    ("schema_older_dialect", of(STRING, **{"$schema": "http://json-schema.org/draft-07/schema#"}), "$schema"),
    ("schema_pattern_whole", of({"type": "string", "pattern": "abc"}), "properties v pattern"),
    ("schema_enum_partly_unfit", of({"type": "string", "enum": ["a", None]}), "properties v enum 1"),
    ("schema_required_ignored", of(STRING, required=["w"], additionalProperties=True), "required 0"),
    ("schema_ignored", of({"type": "string", "not": {"const": ""}}), "properties v not"),
    ("schema_ignored", of(STRING, dependentRequired={"v": ["w"]}), "dependentRequired"),
    ("schema_ignored_beside", of({"anyOf": [STRING], "minLength": 1}), "properties v minLength"),
    ("schema_ignored_beside", of({"type": "string", "anyOf": [{"const": 1}, {"const": "a"}]}), "properties v type"),
    ("schema_ignored_untyped", of({"minLength": 1}), "properties v minLength"),
    ("schema_unknown_keyword", of({"type": "string", "maxlength": 1}), "properties v maxlength"),
    ("schema_one_of", of({"oneOf": [{"type": "integer"}, {"type": "number"}]}), "properties v oneOf"),
    ("schema_one_of", of({"oneOf": [STRING, {"properties": {}}]}), "properties v oneOf"),
    ("schema_only_empty_object", of({"type": "object", "minProperties": 0}), "properties v"),
    ("schema_only_empty_list", of({"type": "array", "maxItems": 3}), "properties v"),
]

FINE: list[dict[str, Any]] = [
    {"type": "object"},
    {"type": "object", "title": "Anything", "description": "at all"},
    of(ANYTHING),
    of(STRING, **{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/v"}),
    of({"$ref": "#/$defs/v"}, **{"$defs": {"v": {"type": "array", "items": STRING, "maxItems": 3}}}),
    of({"$ref": "#/definitions/a b"}, definitions={"a b": STRING}),
    {"$ref": "#/$defs/v", "$defs": {"v": of(STRING)}},
    {"anyOf": [of(STRING), of({"type": "integer"})]},
    nested(15),
    of(nested(3, "anyOf")),
    of({"type": ["string", "null"], "minLength": 1, "maxLength": 1000}),
    of({"type": "string", "anyOf": [{"const": "a", "title": "A"}, {"enum": ["b"]}]}),
    of({"oneOf": [of({"const": "a"}, required=["v"]), of({"const": "b"}, required=["v"])]}),
    of({"type": "integer", "minimum": -5, "exclusiveMaximum": 5}),
    of({"type": "string", "pattern": "^[A-Z]{2}\\d{4}$"}),
    of({"type": "string", "minimum": 3}),  # of no effect, as JSON Schema has it
    of({"enum": [1, "a", None, {"b": []}]}),
    of({"type": "array", "prefixItems": [STRING], "items": False}),
    {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {"type": STRING, "enum": STRING, "allOf": STRING, "$ref": STRING, "not": STRING}},
    {"type": "object", "properties": {"{name}": STRING, "": STRING, "日期": STRING}, "required": ["日期"]},
    of({"type": "string", "x-order": 1, "default": "a", "examples": ["b"], "deprecated": True}),
    doubling(5),
]


def place(schema: object, path: str) -> tuple[int, int]:
    """The line and column where a part stands, in the schema's indented text: found by marking it."""
    steps = path.split()
    if not steps:
        return 1, 1
    copy = json.loads(json.dumps(schema))
    parent = copy
    for step in steps[:-1]:
        parent = parent[int(step) if isinstance(parent, list) else step]
    marker = "here it is"
    if isinstance(parent, list):
        parent[int(steps[-1])] = marker
    else:
        items = [(marker if name == steps[-1] else name, value) for name, value in parent.items()]
        parent.clear()
        parent.update(items)
    lines = json.dumps(copy, indent=1).splitlines()
    number = next(number for number, line in enumerate(lines, 1) if marker in line)
    return number, lines[number - 1].index('"') + 1


def assert_told(written: str, problems: list[Problem]) -> None:
    """Each problem stands within the text, and has a sentence with exactly its values in both languages."""
    assert len(problems) <= MOST_PROBLEMS
    lines = written.split("\n")
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        for language in LANGUAGES:
            fields = {name for _, name, _, _ in string.Formatter().parse(sentences(language)[problem.key]) if name}
            assert fields == set(problem.values), problem.key
            assert text(language, problem.key, **problem.values).isprintable()
    errors = [problem.severity == "error" for problem in problems]
    assert errors == sorted(errors, reverse=True)
    for severity in ("error", "warning"):
        places = [(problem.line, problem.column) for problem in problems if problem.severity == severity]
        assert places == sorted(places)


@pytest.mark.parametrize(("key", "written", "line", "column"), TEXTS)
def test_a_text_that_is_no_schema(key: str, written: str, line: int, column: int) -> None:
    schema, problems = check_schema(written)
    assert schema is None
    assert [(problem.key, problem.line, problem.column) for problem in problems] == [(key, line, column)]
    assert_told(written, problems)


@pytest.mark.parametrize(("key", "schema", "path"), ERRORS)
def test_an_error_and_its_place(key: str, schema: object, path: str) -> None:
    written = json.dumps(schema, indent=1)
    accepted, problems = check_schema(written)
    assert accepted is None
    assert problems[0].severity == "error"
    found = [(problem.line, problem.column) for problem in problems if problem.key == key]
    assert place(schema, path) in found, problems
    assert_told(written, problems)


@pytest.mark.parametrize(("key", "schema", "path"), WARNINGS)
def test_a_warning_leaves_the_schema_usable(key: str, schema: object, path: str) -> None:
    written = json.dumps(schema, indent=1)
    accepted, problems = check_schema(written)
    assert accepted == schema
    assert [(problem.key, problem.line, problem.column) for problem in problems] == [(key, *place(schema, path))]
    assert_told(written, problems)


@pytest.mark.parametrize("schema", FINE, ids=lambda schema: json.dumps(schema)[:60])
def test_nothing_is_said_of_a_good_schema(schema: dict[str, Any]) -> None:
    assert check_schema(json.dumps(schema)) == (schema, [])


def test_every_sentence_can_come_about() -> None:
    told = {case[0] for cases in (TEXTS, ERRORS, WARNINGS) for case in cases}
    assert told == {key for key in sentences("en-US") if key.startswith("schema_")}


def test_errors_come_first_and_at_most_twenty_problems() -> None:
    properties = {f"v{n}": {"type": "string", "not": {}} for n in range(15)} | {
        f"w{n}": {"type": "string", "format": "none"} for n in range(15)
    }
    _, problems = check_schema(json.dumps({"type": "object", "properties": properties}))
    assert [problem.severity for problem in problems] == ["error"] * 15 + ["warning"] * 5


def test_the_lines_of_windows_and_wide_characters_are_counted_as_an_editor_does() -> None:
    written = '{"title": "日期 😀",\r\n "type": "object",\r\n "日": 1, "日": 2}'
    assert [(problem.line, problem.column) for problem in check_schema(written)[1]] == [(3, 10)]
