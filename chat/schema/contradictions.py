"""Plain contradictions: sub-schemas that no value, or none that the server writes, can match.

Whether a schema can be satisfied cannot be told quickly in general; these are the cases that people write. What is not
found here the server either refuses, or its answer is compared with the schema afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chat.schema.text import Path
from chat.schema.tree import Finding, Schema, SchemaTree, error, warning
from chat.schema.types import alternatives, declared, fits, looked_at, type_of, written_types

_BOUNDS = (
    *(("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")),
    *(("minimum", "maximum"), ("minimum", "exclusiveMaximum"), ("exclusiveMinimum", "maximum")),
    ("exclusiveMinimum", "exclusiveMaximum"),
)


def check_object_at_top(tree: SchemaTree) -> Iterator[Finding]:
    """Whether the server can only write an object: the page shows one, and a list is better as one of its values."""
    for path in alternatives(tree, ()):
        node = tree.schemas[path]
        if written_types(node) != {"object"}:
            keyword = next(
                (each for each in ("const", "enum", "type") if isinstance(node, dict) and each in node), None
            )
            yield error("schema_top_not_object", path if keyword is None else (*path, keyword))


def check_contradictions(tree: SchemaTree) -> Iterator[Finding]:
    """What cannot be."""
    for path, node in looked_at(tree):
        yield from _of_values(path, node)
        yield from _of_bounds(path, node)
        yield from _of_counts(path, node)


def _of_values(path: Path, node: Schema) -> Iterator[Finding]:
    types = declared(node)
    if "const" in node:
        if not fits(node["const"], types):
            yield error("schema_const_unfit", (*path, "const"), type=_names(node))
        if "enum" in node and not any(_same(node["const"], value) for value in node["enum"]):
            yield error("schema_const_not_in_enum", (*path, "const"))
        return
    if "enum" not in node:
        return
    if not node["enum"]:
        yield error("schema_enum_empty", (*path, "enum"))
    unfit = [number for number, value in enumerate(node["enum"]) if not fits(value, types)]
    if unfit and len(unfit) == len(node["enum"]):
        yield error("schema_enum_unfit", (*path, "enum"), type=_names(node))
    else:
        for number in unfit:
            yield warning("schema_enum_partly_unfit", (*path, "enum", number), type=_names(node))


def _of_bounds(path: Path, node: Schema) -> Iterator[Finding]:
    whole = "number" not in declared(node)
    for low, high in _BOUNDS:
        if low not in node or high not in node:
            continue
        least, most = node[low], node[high]
        if whole:  # 3 < x < 4
            least, most = least + low.startswith("exclusive"), most - high.startswith("exclusive")
            impossible = least > most
        else:
            impossible = least > most or (least == most and "exclusive" in low + high)
        if impossible:
            values = {"low": low, "least": str(node[low]), "high": high, "most": str(node[high])}
            yield error("schema_bounds_crossed", (*path, low), **values)


def _of_counts(path: Path, node: Schema) -> Iterator[Finding]:
    """Bounds that the listed properties or items cannot keep. Where a schema does not speak of others, none come."""
    required, properties = node.get("required", ()), node.get("properties", {})
    if len(required) > node.get("maxProperties", len(required)):
        yield error("schema_too_few_allowed", (*path, "maxProperties"), keyword="maxProperties", count=len(required))
    others = node.get("additionalProperties", node.get("unevaluatedProperties", False)) is not False
    others = others or bool(node.keys() & {"patternProperties", "propertyNames"})
    if _is_about("object", node) and not others and node.get("minProperties", 0) > len(properties):
        values = {"keyword": "minProperties", "count": len(properties)}
        yield error("schema_too_many_demanded", (*path, "minProperties"), **values)
    prefix = len(node.get("prefixItems", ()))
    if prefix > node.get("maxItems", prefix):
        yield error("schema_too_few_allowed", (*path, "maxItems"), keyword="maxItems", count=prefix)
    others = node.get("items", node.get("unevaluatedItems", False)) is not False
    if _is_about("array", node) and not others and node.get("minItems", 0) > prefix:
        yield error("schema_too_many_demanded", (*path, "minItems"), keyword="minItems", count=prefix)


def _is_about(kind: str, node: Schema) -> bool:
    own = {"object": ("properties",), "array": ("items", "prefixItems")}[kind]
    return kind in declared(node) and ("type" in node or any(keyword in node for keyword in own))


def _same(one: Any, other: Any) -> bool:
    return type_of(one) == type_of(other) and bool(one == other)


def _names(node: Schema) -> str:
    kind = node["type"]
    return kind if isinstance(kind, str) else ", ".join(kind)
