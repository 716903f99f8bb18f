"""Whether a value is a JSON Schema at all: compared with the meta-schema of draft 2020-12, whatever its `$schema` says.

The library knows the meta-schema; nothing is fetched. What it says is in English, so the sentences are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from chat.schema.place import place_of
from chat.schema.text import Path
from chat.schema.tree import Finding, error

_META_SCHEMA = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
# the beginning of our key, by what the meta-schema demands there
_DEMANDS = {"minimum": "negative", "exclusiveMinimum": "zero", "minItems": "none", "uniqueItems": "twice"}


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_META_SCHEMA, offline=True, validate_formats=False)


def check_is_schema(value: Any) -> Iterator[Finding]:
    """Where a value leaves the meta-schema. A schema as a whole may be `true`, but there is no use for it."""
    if not isinstance(value, dict):
        yield error("schema_not_object", ())
        return
    yield from (_finding(fault, place_of(fault.instance_path, value)) for fault in _validator().iter_errors(value))


def _finding(fault: ValidationError, path: Path) -> Finding:
    place = "".join(f"/{step}" for step in path)
    if isinstance(fault.kind, ValidationErrorKind.Type):
        return error("schema_meta_type", path, place=place, types=", ".join(fault.kind.types))
    if path[-1] == "type":  # one name, or a list of them
        return error("schema_meta_unknown_type", path, place=place)
    return error(f"schema_meta_{_DEMANDS.get(fault.kind.name, 'other')}", path, place=place)
