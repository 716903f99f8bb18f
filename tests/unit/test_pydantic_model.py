"""Pydantic models made of schemas: they run, and describe the same documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chat.schema.example import example_schema
from chat.schema.match import compare
from chat.schema.pydantic_model import pydantic_model
from chat.schema.pydantic_schema import pydantic_schema
from chat.schema.ready import ready_schemas

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "backend" / "demo_model" / "corpus" / "showcase.yaml"
ENTRIES = yaml.safe_load(CORPUS.read_text(encoding="utf-8"))
DOCUMENTS = [(entry["id"].split("_")[0], document) for entry in ENTRIES for document in entry["json"].values()]

keys = st.text(max_size=5) | st.sampled_from(
    [
        *("class", "None", "_a", "__init__", "1", "a b", "a_b", "json", "copy", "model_config", "model_x", "datetime"),
        *("date", "str", "int", "list", "dict", "Any", "Field", "Literal", "BaseModel", "Answer", "Whole", "self"),
        *("ﬁ", "fi", "书", "Books", "books", "book", "Book", "model_validate", "\u202e", '"', "\\", "\n"),
    ]
)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def model_of(schema: dict[str, Any], name: str = "Whole") -> type[BaseModel]:
    """The last class of the source made of a schema, executed."""
    source = pydantic_model(schema, name).text
    namespace: dict[str, Any] = {"__name__": "made"}
    exec(compile(source, "made", "exec", dont_inherit=True), namespace)
    classes = [kind for kind in namespace.values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return classes[-1]


def dumped(model: type[BaseModel], document: object) -> Any:
    return model.model_validate_json(json.dumps(document)).model_dump(mode="json", by_alias=True, exclude_unset=True)


def field(schema: object) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize("schema_id", list(ready_schemas()))
def test_real_documents_fit_the_models_of_the_ready_schemas(schema_id: str) -> None:
    documents = [document for form, document in DOCUMENTS if form == schema_id]
    assert documents
    ready = ready_schemas()[schema_id]
    for name in ready.name.values():
        model = model_of(ready.schema, name)
        again = pydantic_schema(pydantic_model(ready.schema, name).text)
        for document in documents:
            assert dumped(model, document) == document
            assert compare(document, again) == (True, None)
            for key in document:
                rest = {other: document[other] for other in document if other != key}
                accepted = compare(rest, ready.schema)[0]
                assert compare(rest, again)[0] == accepted
                if not accepted:
                    with pytest.raises(ValidationError):
                        dumped(model, rest)


def test_real_documents_fit_the_models_of_their_own_schemas() -> None:
    for _, document in DOCUMENTS:
        schema = example_schema(json.dumps(document))
        assert dumped(model_of(schema), document) == document
        assert compare(document, pydantic_schema(pydantic_model(schema, "Whole").text)) == (True, None)


@settings(deadline=None)
@given(st.dictionaries(keys, values, max_size=4), keys)
def test_any_keys_and_values_make_a_model_that_runs(document: dict[str, Any], name: str) -> None:
    schema = example_schema(json.dumps(document))
    assert dumped(model_of(schema, name), document) == document
    again = pydantic_schema(pydantic_model(schema, name).text)
    assert compare(document, again) == (True, None)
    if document:
        for wrong in ({**document, "one more key": 1}, dict(list(document.items())[1:])):
            assert compare(wrong, again)[0] is False
            with pytest.raises(ValidationError):
                dumped(model_of(schema, name), wrong)


@pytest.mark.parametrize(
    ("part", "good", "bad"),
    [
        (
            {"type": "string", "minLength": 2, "maxLength": 3, "pattern": '^["\\\\\\d]+$'},
            ['"1', "\\\\"],
            ["1", "1111", "ab"],
        ),
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 5, "multipleOf": 2}, [2, 4], [0, 3, 6, 1.5]),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 5}, [1.5, 5], [1, 5.1, "x"]),
        ({"type": "boolean"}, [True, False], [5, None]),
        ({"type": "null"}, [None], [0]),
        ({"enum": ["a", "b", None, 3]}, ["a", None, 3], ["c", 4]),
        ({"const": "a\"'"}, ["a\"'"], ["b"]),
        ({"type": ["string", "null"], "minLength": 1}, ["a", None], ["", 5]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, [[1, "a"]], [["a", "a"], [1, 2]]),
        ({"type": "array"}, [[], [1, "a"]], [{}]),
        ({"type": "object"}, [{}, {"x": [1]}], [[], "x"]),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
            [{"x": 1}],
            [{}, {"x": "y"}],
        ),
        ({"type": "object", "additionalProperties": False}, [{}], [{"x": 1}]),
        (
            {"anyOf": [{"type": "integer"}, field({"type": "string"}), {"type": "null"}]},
            [1, {"a": ""}, None],
            ["x", {"a": 1}],
        ),
        ({"oneOf": [field({"const": "x"}), field({"const": "y"})]}, [{"a": "x"}, {"a": "y"}], [{"a": "z"}]),
        ({"allOf": [{"type": "integer"}]}, [1], ["x"]),
        ({"type": "string", "format": "date"}, ["2026-11-24"], ["yesterday"]),
        ({"type": "string", "format": "date-time"}, ["2026-11-24T10:00:00Z"], ["yesterday"]),
        ({"type": "string", "format": "time"}, ["10:00:00"], ["noon"]),
        ({"type": "string", "format": "uuid"}, ["12345678-1234-5678-1234-567812345678"], ["1"]),
        ({"$ref": "#/$defs/a~1b"}, ["x"], [1]),
        (True, [1, None, {"x": 1}], []),
        ({}, [1, None, {"x": 1}], []),
        ({"allOf": [{"type": "integer"}, {"minimum": 1}]}, [1], []),
        ({"enum": [{"x": 1}]}, [{"x": 1}], []),
        ({"enum": [1.5, 2]}, [1.5], ["x"]),
        ({"$ref": "#"}, [1], []),
        ({"$ref": "#/$defs/loop"}, [1], []),
        ({"$ref": "#/$defs/missing"}, [1], []),
    ],
)
@pytest.mark.parametrize("round_trip", [False, True])
def test_a_model_takes_what_the_schema_takes(part: Any, good: list[Any], bad: list[Any], round_trip: bool) -> None:
    schema = field(part) | {"$defs": {"a/b": {"type": "string"}, "loop": {"$ref": "#/$defs/loop"}}}
    model = model_of(schema)
    again = pydantic_schema(pydantic_model(schema, "Whole").text)

    def takes(value: Any) -> bool:
        if round_trip:
            return compare({"a": value}, again)[0] is True or "format" in str(part)
        try:
            return dumped(model, {"a": value}) is not None
        except ValidationError:
            return False

    for value in good:
        assert takes(value), value
    for value in bad:
        assert not takes(value) or (round_trip and "format" in str(part)), value


def test_how_it_reads() -> None:
    book = field({"type": "string", "description": 'Say "it"'}) | {"description": "One\nbook"}
    schema = {
        "type": "object",
        "description": "All",
        "properties": {
            "books": {"type": "array", "items": book, "minItems": 1},
            "class": {"type": "string", "default": "x"},
            "genres": {"type": "array", "items": {"enum": ["a", "b"]}},
            "Book": {"type": "integer"},
            "copy": {},
        },
        "required": ["books"],
    }
    taken = pydantic_model(schema, "books by author")
    assert (taken.name, taken.mime) == ("models.py", "text/x-python")
    assert (
        taken.text
        == '''from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Book(BaseModel):
    """One\\nbook"""

    model_config = ConfigDict(extra="forbid")

    a: str = Field(description="Say \\"it\\"")


class BooksByAuthor(BaseModel):
    """All"""

    books: Annotated[list[Book], Field(min_length=1)]
    class_: str = Field(default="x", alias="class")
    genres: list[Literal["a", "b"]] | None = None
    Book2: int | None = Field(default=None, alias="Book")
    copy_: Any = Field(default=None, alias="copy")
'''
    )


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("图书", "图书"),
        ("order_items", "OrderItems"),
        ("", "Answer"),
        ("!", "Answer"),
        ("1st", "Answer1st"),
        ("Answer\U00016e80", "Answer"),  # a digit of a script, which no name may hold
    ],
)
def test_the_class_is_called_after_the_schema(name: str, made: str) -> None:
    assert model_of({"type": "object"}, name).__name__ == made


def test_entries_are_called_in_the_singular() -> None:
    names = {
        "categories": "Category",
        "boxes": "Box",
        "glass": "Glass",
        "status": "Status",
        "classes": "Class",
        "书": "书",
    }
    names |= {"recipes": "Recipe", "branches": "Branch"}
    for key, name in names.items():
        schema = {"type": "object", "properties": {key: {"type": "array", "items": field({})}}}
        assert f"class {name}(BaseModel)" in pydantic_model(schema, "Whole").text


def test_no_schema_takes_long_or_escapes() -> None:
    doubling = {f"d{n}": field({"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2}) for n in range(60)}
    pydantic_model({"$defs": doubling, **field({"$ref": "#/$defs/d0"})}, "Whole")
    evil = '"""\nimport os; os.abort()\n"""\\'
    schema = {**field({"const": evil, "description": evil, "default": evil}), "description": evil, "title": evil}
    assert dumped(model_of(schema, evil), {"a": evil}) == {"a": evil}
    evil_key = {"type": "object", "properties": {evil: {"type": "string", "pattern": "^\"'$", "default": evil}}}
    assert dumped(model_of(evil_key), {}) == {}
