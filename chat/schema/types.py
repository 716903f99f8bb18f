"""Which JSON types the server's grammar writes for a sub-schema, and which keywords of it the grammar looks at.

xgrammar 0.2.8 goes by the first of `$ref`, `const`, `enum`, `anyOf`, `oneOf`, `allOf`, `type` that is there, and by
nothing beside it. Only beside `type` are `minLength` and the like looked at; without one, `properties` makes an object
and `items` a list.
"""

from __future__ import annotations

from collections.abc import Iterator

from chat.schema.text import Path
from chat.schema.tree import Schema, SchemaTree

ALL_TYPES = frozenset(("null", "boolean", "object", "array", "number", "string", "integer"))
DECIDING = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")

# The keywords that restrict a value, by the type that they are about; "required" needs `properties`, see below.
OF_TYPE: dict[str, tuple[str, ...]] = {
    "object": (
        *("properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames"),
        *("required", "minProperties", "maxProperties"),
    ),
    "array": ("prefixItems", "items", "unevaluatedItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
# Those that the grammar does not know. With the right type beside them the server refuses some, see schema_grammar.
UNKNOWN_TO_GRAMMAR: dict[str, tuple[str, ...]] = {
    "object": ("dependentRequired", "dependentSchemas", "dependencies"),
    "array": ("uniqueItems", "contains", "minContains", "maxContains"),
    "number": ("multipleOf",),
    "": ("not", "if"),
}
TYPE_OF_KEYWORD = {
    keyword: kind for group in (OF_TYPE, UNKNOWN_TO_GRAMMAR) for kind, keywords in group.items() for keyword in keywords
}

_DEFINITIONS = (("$defs",), ("definitions",))


def type_of(value: object) -> str:
    """The JSON type of a value; 1.0 is an integer, as JSON Schema has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def declared(node: Schema) -> frozenset[str]:
    """The types in `type`, without which all are meant; every integer is a number, too."""
    types = node.get("type", ALL_TYPES)
    types = frozenset([types] if isinstance(types, str) else types)
    return types | {"integer"} if "number" in types else types


def fits(value: object, types: frozenset[str]) -> bool:
    return type_of(value) in types


def decides(node: Schema) -> str | None:
    """The keyword that the grammar goes by alone; None if by `type` and its companions."""
    return next((keyword for keyword in DECIDING if keyword in node), None)


def implied(node: Schema) -> frozenset[str]:
    """The types that the grammar goes by where no keyword decides."""
    if "type" in node:
        return declared(node)
    if node.keys() & {"properties", "additionalProperties", "unevaluatedProperties"}:
        return frozenset(("object",))
    if node.keys() & {"items", "prefixItems", "unevaluatedItems"}:
        return frozenset(("array",))
    return ALL_TYPES


def looked_at(tree: SchemaTree) -> Iterator[tuple[Path, Schema]]:
    """All sub-schemas that the grammar looks at; those to refer to count as such."""
    pending: list[Path] = [()]
    pending += [path for path in tree.schemas if path[-2:-1] in _DEFINITIONS and path[:-2] in tree.schemas]
    seen = set(pending)
    while pending:
        path = pending.pop()
        node = tree.schemas[path]
        if isinstance(node, bool):
            continue
        yield path, node
        decided = decides(node)
        keywords = (*OF_TYPE["object"], *OF_TYPE["array"]) if decided is None else (decided,)
        for following in tree.next_to(path):
            within = following[: len(path)] == path
            if following not in seen and (not within or following[len(path)] in keywords):
                seen.add(following)
                pending.append(following)


def alternatives(tree: SchemaTree, path: Path) -> Iterator[Path]:
    """The sub-schemas that the grammar goes by in place of the one at `path`, or that one itself; each once."""
    pending, seen = [path], {path}
    while pending:
        path = pending.pop()
        node = tree.schemas[path]
        keyword = decides(node) if isinstance(node, dict) else None
        after: list[Path] = []
        if isinstance(node, dict) and keyword == "$ref":
            target = tree.target(node)
            after = [] if target is None else [target]
        elif isinstance(node, dict) and keyword in ("anyOf", "oneOf", "allOf"):
            after = [(*path, keyword, number) for number in reversed(range(len(node[keyword])))]
        else:
            yield path
        pending.extend(following for following in after if following not in seen)
        seen.update(after)


def written_types(node: Schema | bool) -> frozenset[str]:
    """The types that the grammar writes for a sub-schema without alternatives."""
    if isinstance(node, bool):
        return ALL_TYPES if node else frozenset()
    if "const" in node:
        return frozenset((type_of(node["const"]),))
    if "enum" in node:
        return frozenset(type_of(value) for value in node["enum"])
    return implied(node)
