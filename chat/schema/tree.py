"""A JSON Schema as the sub-schemas in it and the references between them: what lies where, what leads in a circle.

A sub-schema is named by its path. References are followed as xgrammar does: `#/a/b`, names only, nothing escaped.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from chat.schema.text import Path

Schema = dict[str, Any]

# keywords that hold a schema, a list of schemas, and schemas by name
SINGLE = (
    *("items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
)
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "dependencies")
UNIONS = ("anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell the user about the part at `path`."""

    severity: Literal["error", "warning"]
    key: str
    path: Path
    values: dict[str, object] = field(default_factory=dict)


def error(key: str, path: Path, **values: object) -> Finding:
    return Finding("error", key, path, {name: shown(value) for name, value in values.items()})


def warning(key: str, path: Path, **values: object) -> Finding:
    return Finding("warning", key, path, {name: shown(value) for name, value in values.items()})


def shown(value: object) -> object:
    """A value of the user's for a sentence: on one line, and not too long."""
    if not isinstance(value, str):
        return value
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
    return line if len(line) <= 60 else f"{line[:59]}…"


class SchemaTree:
    """The sub-schemas of a schema that fits the meta-schema, by path, in order; the whole is at `()`."""

    def __init__(self, schema: Schema) -> None:
        self.schemas: dict[Path, Schema | bool] = {}
        pending: list[tuple[Path, Schema | bool]] = [((), schema)]
        while pending:
            path, node = pending.pop()
            self.schemas[path] = node
            pending.extend(reversed([(path + step, child) for step, child in children(node)]))

    def objects(self) -> Iterator[tuple[Path, Schema]]:
        """All sub-schemas but `true` and `false`."""
        return ((path, node) for path, node in self.schemas.items() if isinstance(node, dict))

    def target(self, node: Schema) -> Path | None:
        """Where the `$ref` of a sub-schema leads; None if not to a schema in this text."""
        path: Path = tuple(node["$ref"].split("/"))
        return path[1:] if path[0] == "#" and path[1:] in self.schemas else None

    def next_to(self, path: Path) -> Iterator[Path]:
        """The sub-schemas directly in the one at `path`, and the one that it refers to."""
        node = self.schemas[path]
        yield from (path + step for step, _ in children(node))
        if isinstance(node, dict) and "$ref" in node and (target := self.target(node)) is not None:
            yield target

    def sorted(self) -> list[Path] | Path:
        """All paths, each after those `next_to` it; or one whose reference leads back to where it came from."""
        done: dict[Path, None] = {}
        for start in self.schemas:
            if start in done:
                continue
            trail, open_ = [(start, self.next_to(start))], {start}
            while trail:
                path, rest = trail[-1]
                following = next((after for after in rest if after not in done), None)
                if following is None:
                    done[path] = None
                    open_.discard(path)
                    trail.pop()
                elif following in open_:
                    return path
                else:
                    open_.add(following)
                    trail.append((following, self.next_to(following)))
        return list(done)

    def beyond(self, order: list[Path], limit: int, keywords: Container[str | int] | None = None) -> Path | None:
        """Where schemas within schemas are more than `limit` deep, references followed; None if nowhere.

        Only steps through `keywords` count, or all. `order` is that of `sorted`.
        """

        def step(path: Path, following: Path) -> int:
            return int(_within(following, path) and (keywords is None or following[len(path)] in keywords))

        depths: dict[Path, tuple[int, Path]] = {}
        for path in order:
            after = [(depths[following][0] + step(path, following), following) for following in self.next_to(path)]
            depths[path] = max(after, key=lambda depth: depth[0], default=(0, path))
        path, left = (), limit
        while depths[path][0] > left:
            following = depths[path][1]
            left -= step(path, following)
            if left < 0:
                return following
            path = following
        return None


def _within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


def children(node: Schema | bool) -> Iterator[tuple[Path, Schema | bool]]:
    """The sub-schemas directly in a schema, each with the steps to it."""
    if isinstance(node, bool):
        return
    for keyword, value in node.items():
        if keyword in SINGLE:
            yield (keyword,), value
        elif keyword in LISTS:
            yield from (((keyword, number), child) for number, child in enumerate(value))
        elif keyword in MAPS:
            # `dependencies`, of earlier drafts, may also hold lists of names
            yield from (((keyword, name), child) for name, child in value.items() if not isinstance(child, list))
