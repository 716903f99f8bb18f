"""What the server's grammar does not enforce of a schema that it takes, or enforces more narrowly than the schema says.

Read in xgrammar 0.2.8 and tried with it. What is not enforced is still compared with the answer afterwards, by
`chat.schema.match`, but for `format`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from chat.schema.text import Path
from chat.schema.tree import Finding, Schema, SchemaTree, error, warning
from chat.schema.types import (
    ALL_TYPES,
    OF_TYPE,
    TYPE_OF_KEYWORD,
    alternatives,
    decides,
    declared,
    implied,
    looked_at,
    type_of,
    written_types,
)

# branches of a `oneOf`, and values in two of them, that are compared with each other
MOST_BRANCHES = 20
MOST_COMPARED = 100
# what says nothing about a value, and what only goes with another keyword
_SILENT = {
    *("$schema", "$id", "$anchor", "$dynamicAnchor", "$vocabulary", "$comment", "$defs", "definitions", "title"),
    *("description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentEncoding"),
    *("contentMediaType", "contentSchema", "then", "else", "discriminator", "type", "$ref", "const", "enum", "anyOf"),
    *("oneOf", "allOf"),
}
# beside `type` alone, these still leave the grammar's own object or list of anything
_LEAVES_FREE = {
    *("type", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"),
    "$schema",
}


def check_enforced(tree: SchemaTree) -> Iterator[Finding]:
    """What the server does not enforce, of all that its grammar looks at."""
    for path, node in looked_at(tree):
        of_names = path[-1:] == ("propertyNames",) and path[:-1] in tree.schemas
        yield from _ignored(tree, path, {"type": "string", **node} if of_names else node)


def _ignored(tree: SchemaTree, path: Path, node: Schema) -> Iterator[Finding]:
    decided, types = decides(node), implied(node)
    for keyword in node:
        if keyword in ("not", "if"):
            yield warning("schema_ignored", (*path, keyword), keyword=keyword)
        elif keyword in TYPE_OF_KEYWORD:
            kind = TYPE_OF_KEYWORD[keyword]
            if not {kind, "integer" if kind == "number" else kind} & declared(node):
                continue  # of no effect, as JSON Schema has it
            if decided is not None:
                yield warning("schema_ignored_beside", (*path, keyword), keyword=keyword, other=decided)
            elif keyword not in OF_TYPE[kind]:
                yield warning("schema_ignored", (*path, keyword), keyword=keyword)
            elif types == ALL_TYPES and "type" not in node:
                yield warning("schema_ignored_untyped", (*path, keyword), keyword=keyword, type=kind)
        elif keyword not in _SILENT and not keyword.startswith("x-"):
            yield warning("schema_unknown_keyword", (*path, keyword), keyword=keyword)
    yield from _ignored_beside(tree, path, node, decided)
    if decided is None:
        yield from _ignored_of_objects(path, node, types)
        yield from _only_empty(path, node, types)


def _ignored_beside(tree: SchemaTree, path: Path, node: Schema, decided: str | None) -> Iterator[Finding]:
    """What of `type` and the alternatives is lost beside the keyword that decides."""
    if decided not in (None, "const", "enum") and "type" in node:
        written = frozenset[str]().union(*(written_types(tree.schemas[end]) for end in alternatives(tree, path)))
        if not written <= declared(node):
            yield warning("schema_ignored_beside", (*path, "type"), keyword="type", other=decided)
    for keyword in ("const", "enum", "anyOf", "oneOf", "allOf"):
        if keyword in node and decided != keyword:
            yield warning("schema_ignored_beside", (*path, keyword), keyword=keyword, other=decided)
    if decided == "oneOf" and not _excludes_all_others(tree, path, node["oneOf"]):
        yield warning("schema_one_of", (*path, "oneOf"))


def _excludes_all_others(tree: SchemaTree, path: Path, branches: list[Schema | bool]) -> bool:
    """Whether at most one branch of a `oneOf` can match: by their types, or by the value of a property."""
    if len(branches) > MOST_BRANCHES:
        return False
    ends = [
        [tree.schemas[end] for end in alternatives(tree, (*path, "oneOf", number))] for number in range(len(branches))
    ]
    if any(len(alone) != 1 for alone in ends):
        return False
    return all(_exclude(one[0], other[0]) for one, other in combinations(ends, 2))


def _exclude(one: Schema | bool, other: Schema | bool) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if not _matching_types(one) & _matching_types(other):
        return True
    if (values := _values(one)) and (others := _values(other)):
        return len(values) + len(others) < MOST_COMPARED and not any(value in others for value in values)
    shared = set(one.get("required", ())) & set(other.get("required", ()))
    return any(
        _exclude(one["properties"].get(name, True), other["properties"].get(name, True))
        for name in shared
        if "properties" in one and "properties" in other
    )


def _matching_types(node: Schema) -> frozenset[str]:
    values = _values(node)
    return frozenset(type_of(value) for value in values) if values else declared(node)


def _values(node: Schema) -> list[Any]:
    return [node["const"]] if "const" in node else node.get("enum", [])


def _ignored_of_objects(path: Path, node: Schema, types: frozenset[str]) -> Iterator[Finding]:
    """Names that are required but not among the properties: the server writes them at most by chance."""
    if "object" not in types or (types == ALL_TYPES and "type" not in node):
        return
    open_ = node.get("additionalProperties", node.get("unevaluatedProperties", False)) is not False
    open_ = open_ or "patternProperties" in node or "propertyNames" in node
    for number, name in enumerate(node.get("required", ())):
        if name not in node.get("properties", {}):
            finding = warning if open_ else error
            key = "schema_required_ignored" if open_ else "schema_required_undefined"
            yield finding(key, (*path, "required", number), name=name)


def _only_empty(path: Path, node: Schema, types: frozenset[str]) -> Iterator[Finding]:
    """Objects and lists of which the schema does not say what is in them: the server leaves them empty."""
    if node.keys() <= _LEAVES_FREE or "type" not in node:
        return
    others = {"additionalProperties", "unevaluatedProperties", "propertyNames"}
    named = node.get("properties") or node.get("patternProperties")
    if "object" in types and not named and not node.keys() & others:
        yield warning("schema_only_empty_object", path)
    if "array" in types and not node.keys() & {"items", "prefixItems", "unevaluatedItems"}:
        yield warning("schema_only_empty_list", path)
