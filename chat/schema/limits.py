"""The limits of a user's schema, and its references: what the server would choke on, or could never finish.

Times beside the limits were measured with xgrammar 0.2.8 on two busy cores; those of lengths over a vocabulary of
152,000 tokens, the others over 32,000.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from chat.schema.match import MAX_NODES
from chat.schema.pattern import inspect
from chat.schema.text import Document, Path
from chat.schema.tree import UNIONS, Finding, Schema, SchemaTree, error, warning

MOST_VALUES = 2000
DEEPEST = 16
DEEPEST_UNION = 3
LONGEST_ENUM = 1000
# One value of `enum` or `const`, as JSON: 60 such take 3 s, 5 of 12,000 characters take 47 s.
LONGEST_VALUE = 1000
# No time to prepare even for 1,000,000, but a model never gets there.
MOST_ITEMS = 1000
LONGEST_STRING = 10_000
# One pair of minLength and maxLength takes 4 s at 100 and 11 s from 200 on; the same pair elsewhere takes nothing.
LENGTHS_TOGETHER = 1000
LENGTH_COUNTED = 200
# 0.1 s each in the server, and 0.05 s here at worst
PATTERNS_TOGETHER = 4096

_COUNTS = {
    **dict.fromkeys(
        ("minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties"), MOST_ITEMS
    ),
    **dict.fromkeys(("minLength", "maxLength"), LONGEST_STRING),
}
_DIALECT = "json-schema.org/draft/2020-12/schema"
_OLDER = ("json-schema.org/draft/2019-09/schema", *(f"json-schema.org/draft-0{n}/schema" for n in (3, 4, 6, 7)))


def check_size(document: Document) -> Iterator[Finding]:
    """Whether the text holds too many values to look at each."""
    if len(document.offsets) > MOST_VALUES:
        beyond = list(document.offsets)[MOST_VALUES]
        yield error("schema_too_many_values", beyond, count=len(document.offsets), limit=MOST_VALUES)


def check_structure(tree: SchemaTree) -> Iterator[Finding]:
    """References that lead nowhere, elsewhere or in a circle, and schemas in schemas beyond the limits."""
    broken = [finding for path, node in tree.objects() for finding in _references(tree, path, node)]
    yield from broken
    if any(finding.severity == "error" for finding in broken):
        return
    order = tree.sorted()
    if isinstance(order, tuple):
        node = tree.schemas[order]
        assert isinstance(node, dict)
        yield error("schema_ref_recursive", (*order, "$ref"), ref=node["$ref"])
        return
    if too_deep := tree.beyond(order, DEEPEST - 1):
        yield error("schema_too_deep", too_deep, limit=DEEPEST)
    if too_deep := tree.beyond(order, DEEPEST_UNION, UNIONS):
        yield error("schema_unions_too_deep", too_deep, limit=DEEPEST_UNION)
    if (size := _size_written_out(tree, order)) > MAX_NODES:
        yield error("schema_refs_too_large", (), size=min(size, 10**9), limit=MAX_NODES)


def _references(tree: SchemaTree, path: Path, node: Schema) -> Iterator[Finding]:
    if (dialect := node.get("$schema")) and (plain := dialect.split("://")[-1].rstrip("#")) != _DIALECT:
        if plain in _OLDER:
            yield warning("schema_older_dialect", (*path, "$schema"))
        else:
            yield error("schema_dialect", (*path, "$schema"), dialect=dialect)
    if path and "$id" in node:
        yield error("schema_nested_id", (*path, "$id"))
    for keyword in ("$dynamicRef", "$recursiveRef"):
        if keyword in node:
            yield error("schema_ref_dynamic", (*path, keyword), keyword=keyword)
    if (ref := node.get("$ref")) is None:
        return
    if not ref.startswith("#"):
        yield error("schema_ref_remote", (*path, "$ref"), ref=ref)
    elif ref == "#":
        yield error("schema_ref_recursive", (*path, "$ref"), ref=ref)
    elif "~" in ref or "%" in ref:
        yield error("schema_ref_escaped", (*path, "$ref"), ref=ref)
    elif tree.target(node) is None:
        yield error("schema_ref_missing", (*path, "$ref"), ref=ref)


def _size_written_out(tree: SchemaTree, order: list[Path]) -> int:
    """The number of values with each reference replaced by what it means, as `chat.schema.match` counts."""
    sizes: dict[Path, int] = {}
    for path in order:
        within = sum(sizes[following] for following in tree.next_to(path))
        sizes[path] = within + _own_values(
            tree.schemas[path], {id(tree.schemas[after]) for after in tree.next_to(path)}
        )
    return sizes[()]


def _own_values(node: Schema | bool, others: set[int]) -> int:
    """How many values a schema has without those of the schemas in it."""
    count, pending = 0, [node]
    while pending:
        value: object = pending.pop()
        count += 1
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        pending.extend(each for each in inside if not isinstance(each, dict | list) or id(each) not in others)
    return count


def check_keywords(tree: SchemaTree) -> Iterator[Finding]:
    """Lists, numbers and patterns beyond the limits."""
    lengths: set[tuple[int, int]] = set()
    patterns = ""
    for path, node in tree.objects():
        if len(node.get("enum", ())) > LONGEST_ENUM:
            yield error("schema_enum_too_long", (*path, "enum"), count=len(node["enum"]), limit=LONGEST_ENUM)
        yield from _long_values(path, node)
        for keyword in _COUNTS.keys() & node.keys():
            if isinstance(node[keyword], float):
                yield error("schema_whole_number", (*path, keyword), keyword=keyword)
            elif node[keyword] > _COUNTS[keyword]:
                yield error("schema_count_too_large", (*path, keyword), keyword=keyword, limit=_COUNTS[keyword])
        lengths.add((node.get("minLength", 0), node.get("maxLength", 0)))
        for place, pattern in _patterns(path, node):
            patterns += pattern
            if len(patterns) > PATTERNS_TOGETHER:
                yield error("schema_patterns_together", place, limit=PATTERNS_TOGETHER)
                return
            report = inspect(pattern)
            if report.key is not None:
                yield error(report.key, place, **report.values)
            elif not report.whole:
                yield warning("schema_pattern_whole", place)
    if sum(min(max(pair), LENGTH_COUNTED) for pair in lengths) > LENGTHS_TOGETHER:
        yield error("schema_lengths_together", ())


def _long_values(path: Path, node: Schema) -> Iterator[Finding]:
    values = [((*path, "enum", number), value) for number, value in enumerate(node.get("enum", ()))]
    if "const" in node:
        values.append(((*path, "const"), node["const"]))
    for place, value in values:
        if len(json.dumps(value, ensure_ascii=False)) > LONGEST_VALUE:
            yield error("schema_value_too_long", place, limit=LONGEST_VALUE)


def _patterns(path: Path, node: Schema) -> Iterator[tuple[Path, str]]:
    if "pattern" in node:
        yield (*path, "pattern"), node["pattern"]
    yield from (((*path, "patternProperties", pattern), pattern) for pattern in node.get("patternProperties", ()))
