"""A JSON Schema from a pasted Pydantic v2 class, without running it.

The schema is what Pydantic itself would say, with references replaced by what they mean and without titles, except
where vLLM could not enforce it: a set is a list, a Decimal a number, a URL has no bounds of length. Validators and
methods are skipped; what would change the schema and is not understood is an error that names it. Limits: 64 KB, 200
classes, 2,000 parts, nesting of 15, no class within itself.
"""

from __future__ import annotations

import ast

from chat.schema.example import MAX_DEPTH
from chat.schema.pydantic_fields import Said, arguments, extra, fields, right_side
from chat.schema.pydantic_source import ENUM_BASES, MODEL_BASES, PydanticSource, docstring, last_name
from chat.schema.pydantic_types import (
    CONSTRAINED,
    DICTS,
    LISTS,
    SIMPLE,
    TUPLES,
    Schema,
    constrained,
    one_of_values,
    union,
)

MAX_PARTS = 2000


def pydantic_schema(source: str) -> Schema:
    """The schema of the last model in `source` to which no other refers; ConversionError where it cannot be told."""
    read = PydanticSource(source)
    return _Converter(read).model(read.root(), 0)


class _Converter:
    def __init__(self, source: PydanticSource) -> None:
        self._source = source
        self._open: list[str] = []  # the classes and aliases under way, each within the one before
        self._parts = 0

    def model(self, name: str, depth: int) -> Schema:
        """The schema of a model, `depth` levels below the top."""
        node = self._source.classes[name]
        properties: Schema = {}
        required: list[str] = []
        for field_name, statement in fields(self._source, name).items():
            said = right_side(self._source, statement.value)
            schema, alias = self._annotated(statement.annotation, said, depth + 1)
            key = field_name if alias is None else alias
            properties[key] = schema
            if said.required:
                required.append(key)
        schema = {"type": "object", **docstring(node), "properties": properties}
        if required:
            schema["required"] = required
        if (others := extra(self._source, name)) in ("allow", "forbid"):
            schema["additionalProperties"] = others == "allow"
        return schema

    def _annotated(self, annotation: ast.expr, said: Said, depth: int) -> tuple[Schema, str | None]:
        """The schema of a field and its alias; what `said` says comes after what stands in Annotated."""
        annotation = self._unquoted(annotation)
        alias = said.alias
        match annotation:
            case ast.Subscript(value=value, slice=ast.Tuple(elts=[_, *metadata])) if last_name(value) == "Annotated":
                for part in metadata:
                    inner = self._metadata(part)
                    alias = inner.alias if alias is None else alias
                    said.required = said.required and inner.required
        schema = self._with(self._type(annotation, depth), said, annotation)
        return schema, alias

    def _type(self, node: ast.expr, depth: int) -> Schema:
        """The schema of a type annotation."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise self._source.error(node, "take_away_too_large", limit=MAX_PARTS)
        if depth > MAX_DEPTH:
            raise self._source.error(node, "take_away_too_deep", limit=MAX_DEPTH)
        match self._unquoted(node):
            case ast.Constant(value=None):
                return {"type": "null"}
            case ast.BinOp(op=ast.BitOr()) as alternatives:
                return union([self._type(member, depth + 1) for member in _members(alternatives)])
            case ast.Subscript(value=value, slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                if schema := self._generic(last_name(value), parts, depth + 1):
                    return schema
            case ast.Call(func=func) as call if last_name(func) in CONSTRAINED and not call.args:
                return self._with(SIMPLE[CONSTRAINED[str(last_name(func))]], arguments(self._source, call), call)
            case ast.Name() | ast.Attribute() as named:
                if (schema := self._named(named, depth)) is not None:
                    return schema
        raise self._source.error(node, "take_away_unknown_type")

    def _named(self, node: ast.Name | ast.Attribute, depth: int) -> Schema | None:
        name = str(last_name(node))
        if isinstance(node, ast.Name) and (name in self._source.classes or name in self._source.aliases):
            if name in self._open:
                raise self._source.error(node, "take_away_recursive", name=name)
            self._open.append(name)
            schema = self._own(name, depth)
            self._open.pop()
            return schema
        if name in LISTS | TUPLES:
            return {"type": "array", "items": {}}
        if name in DICTS:
            return {"type": "object", "additionalProperties": True}
        return dict(SIMPLE[name]) if name in SIMPLE else None

    def _own(self, name: str, depth: int) -> Schema | None:
        """The schema of a name that the source defines; None for a class that is neither model nor enumeration."""
        if name not in self._source.classes:
            return self._type(self._source.aliases[name], depth)
        if self._source.is_kind(name, ENUM_BASES):
            values = list(dict.fromkeys(self._source.members(name).values()))
            return {**one_of_values(values, single=False), **docstring(self._source.classes[name])} if values else None
        return self.model(name, depth) if self._source.is_kind(name, MODEL_BASES) else None

    def _generic(self, name: str | None, parts: list[ast.expr], depth: int) -> Schema | None:
        """The schema of `name[parts]`; None where that is not known."""
        match name, parts:
            case "Optional", [inner]:
                return union([self._type(inner, depth), {"type": "null"}])
            case "Union", [_, *_]:
                return union([self._type(part, depth) for part in parts])
            case "Literal", [_, *_]:
                return one_of_values([self._source.scalar(part) for part in parts], single=True)
            case "Annotated", [inner, *metadata]:
                schema = self._type(inner, depth)
                for part in metadata:
                    said = self._metadata(part)
                    schema = self._with(schema, Said(notes=said.notes, constraints=said.constraints), part)
                return schema
            case str(), [inner, ast.Constant(value=builtin)] if name in TUPLES and builtin is ...:
                return {"type": "array", "items": self._type(inner, depth)}
            case str(), _ if name in TUPLES:
                items = [self._type(part, depth) for part in parts]
                bounds = {"minItems": len(items), "maxItems": len(items)}
                return {"type": "array", **({"prefixItems": items} if items else {}), **bounds}
            case str(), [inner] if name in LISTS:
                return {"type": "array", "items": self._type(inner, depth)}
            case str(), [key, value] if name in DICTS and self._type(key, depth) == {"type": "string"}:
                return {"type": "object", "additionalProperties": self._type(value, depth) or True}
        return None

    def _metadata(self, node: ast.expr) -> Said:
        """What Field(...) or StringConstraints(...) within Annotated says."""
        if isinstance(node, ast.Call) and last_name(node.func) in ("Field", "StringConstraints"):
            return arguments(self._source, node)
        raise self._source.error(node)

    def _with(self, schema: Schema, said: Said, node: ast.AST) -> Schema:
        bounded = constrained(schema, said.constraints)
        if bounded is None:
            raise self._source.error(node, "take_away_misfit")
        return {**bounded, **said.notes}

    def _unquoted(self, node: ast.expr) -> ast.expr:
        """The annotation that a string holds, or the node itself."""
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return node
        return self._source.quoted(node, node.value)


def _members(node: ast.expr) -> list[ast.expr]:
    """The alternatives of `a | b | c`, which is nested to the left."""
    members: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        members.insert(0, node.right)
        node = node.left
    return [node, *members]
