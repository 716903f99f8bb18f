"""What the server refuses of a schema, or what would make its answer none that can be told right.

Read in vLLM 0.32 (`has_xgrammar_unsupported_json_features`, which looks at every object, schema or not) and in xgrammar
0.2.8 (`json_schema_converter.cc`), and tried: `tests/server/test_schema_faults.py` asks the running server for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chat.schema.text import Path
from chat.schema.tree import Finding, Schema, SchemaTree, error
from chat.schema.types import OF_TYPE, UNKNOWN_TO_GRAMMAR, looked_at, type_of

FORMATS = (
    *("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "uri-reference"),
    "uri-template",
)
# known to the server, but it lets quotation marks through as they are
BROKEN_FORMATS = ("json-pointer", "relative-json-pointer")
# whole numbers are 64 bits wide in the grammar
LARGEST_WHOLE = 2**63 - 1


def check_refused(tree: SchemaTree) -> Iterator[Finding]:
    """What makes the server refuse the schema."""
    for path, value in _objects_in(tree.schemas[()]):
        yield from _refused_by_vllm(path, value)
        if path not in tree.schemas and isinstance(value.get("$ref"), str):  # chat.schema.match would follow it
            yield error("schema_ref_in_value", (*path, "$ref"))
    for path, node in looked_at(tree):
        yield from _refused_by_xgrammar(path, node)


def _objects_in(value: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All objects in a value, whether schemas or not: vLLM does not tell them apart."""
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            yield path, value
            pending.extend(((*path, name), each) for name, each in value.items())
        elif isinstance(value, list):
            pending.extend(((*path, number), each) for number, each in enumerate(value))


def _refused_by_vllm(path: Path, node: dict[str, Any]) -> Iterator[Finding]:
    kind = node.get("type")
    types = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    unknown = UNKNOWN_TO_GRAMMAR["number"] if "integer" in types or "number" in types else ()
    for keyword in (*unknown, *(UNKNOWN_TO_GRAMMAR["array"] if "array" in types else ())):
        if keyword in node:
            yield error("schema_refused", (*path, keyword), keyword=keyword)
    if "string" in types:
        if node.get("format") in BROKEN_FORMATS:
            yield error("schema_format_broken", (*path, "format"), format=node["format"])
        elif "format" in node and node["format"] not in FORMATS:
            known = ", ".join(FORMATS[:8])
            yield error("schema_refused_format", (*path, "format"), format=str(node["format"]), known=known)
        yield from _pattern_and_length(path, node)
    if "object" in types:
        names = node.get("propertyNames")
        if isinstance(names, dict):
            yield from _pattern_and_length((*path, "propertyNames"), names)
        for keyword, others in (
            ("propertyNames", ("properties", "patternProperties", "unevaluatedProperties")),
            ("patternProperties", ("properties",)),
        ):
            for other in others:
                if keyword in node and other in node:
                    yield error("schema_refused_together", (*path, keyword), keyword=keyword, other=other)
        if isinstance(patterns := node.get("patternProperties"), dict) and len(patterns) > 1:
            yield error("schema_refused_many", (*path, "patternProperties"), keyword="patternProperties")
    if isinstance(node.get("allOf"), list) and len(node["allOf"]) > 1:
        yield error("schema_refused_many", (*path, "allOf"), keyword="allOf")


def _pattern_and_length(path: Path, node: dict[str, Any]) -> Iterator[Finding]:
    for keyword in ("pattern", "format"):
        for other in ("minLength", "maxLength"):
            if keyword in node and other in node:
                yield error("schema_refused_together", (*path, other), keyword=other, other=keyword)


def _refused_by_xgrammar(path: Path, node: Schema) -> Iterator[Finding]:
    for step, child in _where_no_boolean_may_stand(node):
        if child is False or (child is True and step[0] in ("propertyNames", "prefixItems")):
            yield error("schema_refused_boolean", (*path, *step), value="true" if child else "false")
    if isinstance(names := node.get("propertyNames"), dict):
        values = [*names.get("enum", ()), *([names["const"]] if "const" in names else ())]
        text = names.get("type", "string") == "string" and all(isinstance(value, str) for value in values)
        if not text or names.keys() & {"$ref", "anyOf", "oneOf", "allOf"}:
            yield error("schema_refused_names", (*path, "propertyNames"))
    if "integer" in (kind := node.get("type", ())) and kind != "number":
        for keyword in OF_TYPE["number"]:
            bound = node.get(keyword, 0)
            if type_of(bound) != "integer":
                yield error("schema_whole_number", (*path, keyword), keyword=keyword)
            elif abs(bound) > LARGEST_WHOLE:
                yield error("schema_count_too_large", (*path, keyword), keyword=keyword, limit=LARGEST_WHOLE)


def _where_no_boolean_may_stand(node: Schema) -> Iterator[tuple[Path, Any]]:
    for keyword in ("properties", "patternProperties"):
        yield from (((keyword, name), child) for name, child in node.get(keyword, {}).items())
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from (((keyword, number), child) for number, child in enumerate(node.get(keyword, ())))
    if "propertyNames" in node:
        yield ("propertyNames",), node["propertyNames"]
