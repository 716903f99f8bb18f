"""A JSON Schema (draft 2020-12) from an example of the JSON that is wanted.

Every key of the example becomes required, and no other is allowed; a key that only some objects of a list have is
optional. An empty object or list may hold anything. Limits: 64 KB, nesting of 15.
"""

from __future__ import annotations

from typing import Any

from genson import SchemaBuilder

from chat.errors import PagodaError
from chat.json_output import parse

LONGEST_SOURCE = 64 * 1024  # bytes
MAX_DEPTH = 15  # a schema goes a level further


class ConversionError(PagodaError):
    """What was pasted cannot become a schema: `key` is the sentence, `values` what it is filled with."""

    def __init__(self, key: str, line: int = 1, **values: object) -> None:
        super().__init__(f"{key} (line {line})")
        self.key = key
        self.line = line
        self.values = {"line": line, **values}


def example_schema(text: str) -> dict[str, Any]:
    """The schema of an example object; ConversionError for a text that is no small JSON object."""
    check_size(text)
    example, fault = parse(text)
    if fault:
        raise ConversionError("take_away_no_json", fault[0], column=fault[1])
    if not isinstance(example, dict):
        raise ConversionError("take_away_no_object")
    if _depth(example) > MAX_DEPTH:
        raise ConversionError("take_away_too_deep", limit=MAX_DEPTH)
    builder = SchemaBuilder(schema_uri=None)
    builder.add_object(example)
    schema: dict[str, Any] = builder.to_schema()
    _tidy(schema)
    return schema


def check_size(text: str) -> None:
    """ConversionError for a text of more than 64 KB."""
    if len(text.encode("utf-8", "replace")) > LONGEST_SOURCE:
        raise ConversionError("take_away_too_long", limit=LONGEST_SOURCE // 1024)


def _depth(value: object) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if parts is None else 1 + max(map(_depth, parts), default=0)


def _tidy(schema: dict[str, Any]) -> None:
    """Close the objects, and put required keys and null into the order in which people write them."""
    if isinstance(kinds := schema.get("type"), list):
        kinds.sort(key=lambda kind: (kind == "null", kind))
    if properties := schema.get("properties"):
        required = schema.pop("required", [])
        schema["required"] = [key for key in properties if key in required]
        schema["additionalProperties"] = False
    for part in (*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", [])):
        if isinstance(part, dict):
            _tidy(part)
