"""What a user writes or pastes about a schema: a schema itself, an example of the JSON wanted, a Pydantic class.

The check answers with problems that stand in the text, the conversions with a schema or a `ConversionError`; nothing is
raised but that. What the check takes, an answer can be compared with, and it becomes a Pydantic model.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from chat.schema.check import check_schema
from chat.schema.example import ConversionError, example_schema
from chat.schema.match import compare
from chat.schema.pydantic_model import pydantic_model
from chat.schema.pydantic_schema import pydantic_schema
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, text
from tests.unit.test_schema_check import assert_told

ANSWERS: list[Any] = [{}, {"a": 1, "b": ["a", None], "0": {"01": 1}}, {"v": {"v": "aaaa"}}]


def one_input(data: bytes) -> None:
    """The first byte chooses what is written."""
    written = data[1:].decode("utf-8", "surrogateescape")
    match data[0] % 4 if data else 0:
        case 0 | 1:
            _check(written)
        case 2:
            _convert(written, example_schema)
        case _:
            _convert(written, pydantic_schema)


def _check(written: str) -> None:
    schema, problems = check_schema(written)
    assert_told(written, problems)
    if schema is None:
        assert problems
        return
    assert schema == json.loads(written)
    for answer in ANSWERS:
        matches, violation = compare(answer, schema)
        assert matches is not None
        assert matches == (violation is None)
    ast.parse(pydantic_model(schema, "Answer").text)


def _convert(written: str, convert: Any) -> None:
    try:
        schema = convert(written)
    except ConversionError as error:
        _assert_explained(written, error)
    else:
        json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()


def _assert_explained(written: str, error: ConversionError) -> None:
    assert 1 <= error.line <= sum(map(written.count, "\n\r\f")) + 1
    for language in LANGUAGES:
        assert text(language, error.key, **error.values).isprintable()


_CLASS = b"""\x03from pydantic import BaseModel, Field
class Color(str, Enum):
    RED = "red"
    BLUE = auto()
class Item(BaseModel):
    "What is sold."
    name: Annotated[str, Field(min_length=1)] = "x"
    prices: list[float] | None = Field(None, description="each", alias="p")
    color: Color = Color.RED
    pair: tuple[int, "str"]
    model_config = {"extra": "forbid"}
Items = dict[str, Item]
class Order(BaseModel):
    items: Items
    state: Literal["new", 1, None] = "new"
    total: conint(ge=-1, le=0x10)
"""
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "a": {"$ref": "#/$defs/a"},
        "b": {"type": ["string", "null"], "pattern": "^[a-c]{2}(-\\d+)*$"},
        "c": {"oneOf": [{"const": 1}, {"enum": ["x", None]}, {"type": "number", "minimum": 0, "maximum": 1.5}]},
        "d": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        "e": {"type": "string", "format": "date", "not": {"const": "x"}},
        "f": {"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False},
    },
    "required": ["a"],
    "$defs": {"a": {"type": "object", "properties": {"v": True}, "minProperties": 0}},
}
LONGEST = 3000
SEEDS = [
    *(b"\x00" + json.dumps(ready.schema, ensure_ascii=False, indent=1).encode() for ready in ready_schemas().values()),
    b"\x00" + json.dumps(_SCHEMA).encode(),
    b'\x01{"type": "object",\n "type": 1,}',
    b'\x02{"a": 1, "b": [1.5, null, {"c": "d"}, {}], "e": {"f": true}}',
    _CLASS,
]
FOUND = [
    b'\x00{"a\x7f": 1, "a\x7f": 2}',
    b"\x03class E(Enum):\n    a = E.b\nclass A(BaseModel):\n    a: E\n",
    b"\x03class A(BaseModel):\n    a: int = f('\x07')\n",
    b'\x00{"maximum": ' + b"9" * 5000 + b"x}",
    b'\x03class A(BaseModel):\n    "\\ud83d"\n',
    b"\x03class A(BaseModel):\n    a: int = 0x" + b"F" * 5000,
    b'\x00{"type": "object", "properties": {"0": {"type": "text"}}}',
    b'\x00{"type": "object", "$id": "no URI", "properties": {"a": {}}}',
    b'\x00{"type": "object", "properties": {"0": {"type": "object", "properties": {"01": {"type": "string"}}}}}',
]
WORDS = [
    *rb"""
        "$ref": "$defs": "$id": "$schema": "$dynamicRef": "$anchor": "properties": "type": "enum": "anyOf": "a":
        "oneOf": "allOf": "not": "if": "required": "additionalProperties": "patternProperties": "items":
        "pattern": "prefixItems": "contains": "minItems": "maxItems": "uniqueItems": "minLength": "maxLength": "format":
        "const": "propertyNames": "minimum": "maximum": "exclusiveMinimum": "multipleOf": "definitions": "0":
        "dependentSchemas": "dependencies": "object" "array" "string" "integer" "number" "boolean" "null"
        "#/$defs/a" #/properties/a { } [ ] , true false null -1 1e400 [[[[[[[[ \ud83d ^ $ (?: )* [^a-z] (a|b)+
        Annotated[ Field( Literal[ Optional[ Union[ list[ tuple[ int str auto() constr( A.a 0x ... ge= pattern= alias=
        \\d {2,3} \\u0041 | default= default_factory= model_config=ConfigDict(extra=
    """.split(),
    *(b"class A(BaseModel):\n", b"class B(A, Enum):\n", b"    a: ", b" | None", b" = ", b"dict[str, ", b"\xed\xa0\xbd"),
]
