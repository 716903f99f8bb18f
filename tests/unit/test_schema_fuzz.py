"""Nothing upsets the check of a schema: whatever it is given, it answers with problems that stand in the text."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.schema.check import check_schema
from chat.schema.match import compare
from chat.schema.ready import ready_schemas
from tests.unit.test_schema_check import assert_told, of

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
KEYWORDS = sorted(
    {
        *("$ref", "$defs", "$schema", "$id", "type", "enum", "const", "anyOf", "oneOf", "allOf", "not", "if", "then"),
        *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
        *("maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "items"),
        *("prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern"),
        *("format", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "$dynamicRef", "definitions", "a", "0", ""),
    }
)
WORDS = [
    "string",
    "object",
    "array",
    "integer",
    "number",
    "null",
    "#",
    "#/$defs/a",
    "#/properties/a",
    "^a+$",
    "date",
    "a",
]
SCHEMA_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats(-2, 5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=25,
)


def mutated(seed: int) -> object:
    """A ready schema with a few of its parts replaced, removed, renamed or put elsewhere."""
    rng = random.Random(seed)
    schema: Any = json.loads(json.dumps(rng.choice(list(ready_schemas().values())).schema))
    for _ in range(rng.randint(1, 4)):
        places = [(parent, key) for parent in containers(schema) for key in keys(parent)]
        if not places:
            break
        parent, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                parent[key] = rng.choice([None, True, False, 0, -1, 1.5, "", "#", [], {}, ["a"], {"$ref": "#"}])
            case 1:
                del parent[key]
            case 2 if isinstance(parent, dict):
                parent[rng.choice(KEYWORDS)] = parent.pop(key)
            case _:
                other, name = rng.choice(places)
                parent[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else other))
    return schema


def containers(value: Any) -> list[Any]:
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if inside is None else [value, *(each for item in inside for each in containers(item))]


def keys(container: Any) -> list[Any]:
    return list(container) if isinstance(container, dict) else list(range(len(container)))


@given(st.text() | st.text('{}[]",:\\u0d8e1-.tfn \n'))
def test_no_text_upsets_it(written: str) -> None:
    assert_told(written, check_schema(written)[1])


@given(JSON_VALUES, st.sampled_from([None, 1]))
def test_no_value_upsets_it(value: object, indent: int | None) -> None:
    written = json.dumps(value, indent=indent)
    assert_told(written, check_schema(written)[1])


@given(SCHEMA_LIKE)
def test_nothing_like_a_schema_upsets_it(value: object) -> None:
    written = json.dumps(of(value, **{"$defs": {"a": value}}), indent=1)
    assert_told(written, check_schema(written)[1])


@given(st.integers(min_value=0))
def test_no_mutation_of_a_ready_schema_upsets_it(seed: int) -> None:
    written = json.dumps(mutated(seed), indent=1)
    schema, problems = check_schema(written)
    assert_told(written, problems)
    if schema is not None:
        assert compare({}, schema)[0] is not None
