"""Pasted Python source with Pydantic classes, taken apart with `ast`: nothing of it is ever executed or imported.

What is in a class is for `chat.schema.pydantic_schema`; here is what its names stand for, which class is meant, and
the few values that can be read without running anything.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterator
from typing import Literal, overload

from chat.json_output import without_lone_surrogates
from chat.schema.example import ConversionError, check_size
from chat.schema.tree import shown

MODEL_BASES = {"BaseModel"}
ENUM_BASES = {"Enum", "StrEnum", "IntEnum"}
MAX_CLASSES = 200
MOST_BITS = 1024  # a double's; Python writes no whole number of more than 4,300 digits, and reads it in hexadecimal


class PydanticSource:
    """The classes and type aliases of a source by name. ConversionError where it is no Python, or has no model."""

    def __init__(self, source: str) -> None:
        check_size(source)
        self._source = source
        self.classes: dict[str, ast.ClassDef] = {}
        self.aliases: dict[str, ast.expr] = {}
        self._being_read: set[str] = set()  # enumerations, whose values may be those of others
        for statement in _parsed(source, "exec").body:
            match statement:
                case ast.ClassDef(name=name):
                    self.classes[name] = statement
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.aliases[name] = value
        if len(self.classes) > MAX_CLASSES:
            raise ConversionError("take_away_too_large", limit=MAX_CLASSES)

    def is_kind(self, name: str, kind: set[str]) -> bool:
        """Whether a class descends from one of the library classes `kind`."""
        pending, seen = [name], set()
        while pending:
            current = pending.pop()
            if current in seen or current not in self.classes:
                continue
            seen.add(current)
            bases = [last_name(base) for base in self.classes[current].bases]
            if kind.intersection(bases):
                return True
            pending.extend(base for base in bases if base)
        return False

    def root(self) -> str:
        """The class that the schema is to describe: the last model to which no other refers, or else the last one."""
        models = [name for name in self.classes if self.is_kind(name, MODEL_BASES)]
        if not models:
            raise ConversionError("take_away_no_model")
        used = set().union(*(self._referred_to(name) - {name} for name in models))
        return [name for name in models if name not in used or used >= set(models)][-1]

    def error(self, node: ast.AST, key: str = "take_away_not_understood", **values: object) -> ConversionError:
        """An error that names the line and quotes the code of `node`."""
        code = ast.get_source_segment(self._source, node) or ast.unparse(node)
        told = {name: shown(value) for name, value in {"code": code.splitlines()[0], **values}.items()}
        return ConversionError(key, getattr(node, "lineno", 1), **told)

    def constant(self, node: ast.expr | None) -> object:
        """A value that stands in the source literally, or a member of an enumeration, as JSON."""
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                if isinstance(value, float) and not math.isfinite(value):
                    raise self.error(node)
                if isinstance(value, int) and value.bit_length() > MOST_BITS:
                    raise self.error(node)
                if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
                    raise self.error(node)
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value) as operand):
                self.constant(operand)
                return -value
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return [self.constant(element) for element in elements]
            case ast.Dict(keys=keys, values=values) if all(key and isinstance(self.constant(key), str) for key in keys):
                pairs = zip(keys, values, strict=True)
                return {str(self.constant(key)): self.constant(value) for key, value in pairs}
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if self.is_kind(name, ENUM_BASES):
                if name not in self._being_read and attribute in (members := self.members(name)):
                    return members[attribute]
        raise self.error(node or ast.Constant(None))

    def scalar(self, node: ast.expr) -> object:
        """A constant that is neither list nor object."""
        if isinstance(value := self.constant(node), list | dict):
            raise self.error(node)
        return value

    def members(self, name: str) -> dict[str, object]:
        """The members of an enumeration and their values."""
        self._being_read.add(name)
        try:
            return self._members(name)
        finally:
            self._being_read.discard(name)

    def _members(self, name: str) -> dict[str, object]:
        members: dict[str, object] = {}
        bases = {last_name(base) for base in self.classes[name].bases}
        for statement in self.classes[name].body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=member)], value=ast.Call(args=[], keywords=[]) as call) if (
                    last_name(call.func) == "auto"
                ):
                    numbers = [value for value in members.values() if isinstance(value, int)]
                    members[member] = member.lower() if "StrEnum" in bases else max(numbers, default=0) + 1
                case ast.Assign(targets=[ast.Name(id=member)], value=value):
                    members[member] = self.scalar(value)
                case ast.Expr() | ast.Pass() | ast.FunctionDef():
                    pass
                case _:
                    raise self.error(statement)
        return members

    def quoted(self, node: ast.expr, text: str) -> ast.expr:
        """The expression in a string of the source; its errors quote the string."""
        try:
            expression = _parsed(text.strip(), "eval")
        except ConversionError:
            raise self.error(node) from None
        for part in ast.walk(expression):
            ast.copy_location(part, node)
        return expression.body

    def _referred_to(self, name: str) -> set[str]:
        """The classes that a class uses in its annotations or descends from, through type aliases, too."""
        found: set[str] = set()
        annotations = [node.annotation for node in self.classes[name].body if isinstance(node, ast.AnnAssign)]
        pending = [used for node in (*annotations, *self.classes[name].bases) for used in _names(node)]
        while pending:
            used = pending.pop()
            if used not in found:
                found.add(used)
                if used in self.aliases:
                    pending.extend(_names(self.aliases[used]))
        return found & self.classes.keys()


def last_name(node: ast.expr) -> str | None:
    """`Field` for both `Field` and `pydantic.Field`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def docstring(node: ast.ClassDef) -> dict[str, str]:
    """The class's own docstring as a schema's description; {} without one."""
    text = ast.get_docstring(node)
    return {"description": without_lone_surrogates(text)} if text else {}


@overload
def _parsed(source: str, mode: Literal["exec"]) -> ast.Module: ...
@overload
def _parsed(source: str, mode: Literal["eval"]) -> ast.Expression: ...
def _parsed(source: str, mode: Literal["exec", "eval"]) -> ast.AST:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd escapes in strings
            return ast.parse(source, mode=mode)
    except SyntaxError as error:
        raise ConversionError("take_away_no_python", error.lineno or 1) from None
    except (ValueError, RecursionError, MemoryError):  # NUL; nested too deeply for Python's parser
        raise ConversionError("take_away_no_python") from None


def _names(annotation: ast.expr) -> Iterator[str]:
    """All names in an annotation, those within strings, too, except the strings of a Literal."""
    pending: list[ast.AST] = [annotation]
    while pending:
        node = pending.pop()
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Constant(value=str() as text):
                yield from re.findall(r"\w+", text)
            case ast.Subscript(value=value) if last_name(value) == "Literal":
                pass
            case _:
                pending.extend(ast.iter_child_nodes(node))
