"""What a Pydantic model in pasted source says of its fields, beside their types: defaults, descriptions, bounds."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from chat.schema.example import MAX_DEPTH
from chat.schema.pydantic_source import MODEL_BASES, PydanticSource, last_name
from chat.schema.pydantic_types import CHANGING_CONFIG, CONSTRAINTS, HARMLESS, Schema


@dataclass
class Said:
    """The right side of a field, or what stands beside a type in Annotated. `notes` are words of the schema."""

    required: bool = True
    notes: Schema = field(default_factory=dict)
    alias: str | None = None
    constraints: dict[str, object] = field(default_factory=dict)


def lineage(source: PydanticSource, name: str) -> list[ast.ClassDef]:
    """A model's classes, its bases first. All must be in the source."""
    found: list[ast.ClassDef] = []

    def add(class_name: str, within: tuple[str, ...]) -> None:
        node = source.classes[class_name]
        if class_name in within or len(within) > MAX_DEPTH:
            raise source.error(node, "take_away_recursive", name=class_name)
        for base in reversed(node.bases):
            base_name = last_name(base)
            if base_name in MODEL_BASES:
                continue
            if base_name is None or not source.is_kind(base_name, MODEL_BASES):
                raise source.error(base, "take_away_unknown_type")
            add(base_name, (*within, class_name))
        if node not in found:
            found.append(node)

    add(name, ())
    return found


def fields(source: PydanticSource, name: str) -> dict[str, ast.AnnAssign]:
    """The fields of a model, those of its bases first."""
    found: dict[str, ast.AnnAssign] = {}
    for statement in (statement for node in lineage(source, name) for statement in node.body):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=field_name), annotation=annotation):
                of = annotation.value if isinstance(annotation, ast.Subscript) else annotation
                if not field_name.startswith("_") and last_name(of) != "ClassVar":
                    found[field_name] = statement
            case ast.Assign(targets=[ast.Name(id=target)]) if target == "model_config" or target.startswith("_"):
                pass
            case ast.Expr() | ast.Pass() | ast.FunctionDef() | ast.AsyncFunctionDef():
                pass
            case _:
                raise source.error(statement)
    return found


def extra(source: PydanticSource, name: str) -> object:
    """What a model's configuration says of properties that it does not name: "allow", "forbid", "ignore" or None."""
    said: object = None
    for node in lineage(source, name):
        settings = {keyword.arg: keyword.value for keyword in node.keywords}
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="model_config")], value=ast.Call(keywords=keywords)):
                    settings |= {keyword.arg: keyword.value for keyword in keywords}
                case ast.Assign(targets=[ast.Name(id="model_config")], value=ast.Dict(keys=keys, values=values)):
                    settings |= dict(zip([str(source.constant(key)) for key in keys], values, strict=True))
        for key, value in settings.items():
            if key is None or key in CHANGING_CONFIG:
                raise source.error(value)
            if key == "extra":
                said = source.constant(value)
    return said


def right_side(source: PydanticSource, value: ast.expr | None) -> Said:
    """What follows the equals sign: nothing, a default, or Field(...)."""
    if value is None or _is_ellipsis(value):
        return Said()
    if isinstance(value, ast.Call) and last_name(value.func) == "Field":
        return arguments(source, value)
    return Said(required=False, notes={"default": source.constant(value)})


def arguments(source: PydanticSource, call: ast.Call) -> Said:
    """What Field(...), constr(...) and their like are called with."""
    said = Said()
    named = [(keyword.arg, keyword.value) for keyword in call.keywords]
    for name, value in [*(("default", argument) for argument in call.args), *named]:
        match name:
            case "default":
                if not _is_ellipsis(value):
                    said.required = False
                    said.notes["default"] = source.constant(value)
            case "default_factory":
                said.required = False
            case "description":
                said.notes["description"] = _text(source, value)
            case "validation_alias":
                said.alias = _text(source, value)
            case "alias":
                said.alias = _text(source, value) if said.alias is None else said.alias
            case str() if name in CONSTRAINTS:
                bound = source.constant(value)
                if isinstance(bound, bool) or not isinstance(bound, str if name == "pattern" else int | float):
                    raise source.error(value)
                said.constraints[name] = bound
            case str() if name in HARMLESS:
                pass
            case _:
                raise source.error(value)
    return said


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _text(source: PydanticSource, node: ast.expr) -> str:
    value = source.constant(node)
    if not isinstance(value, str):
        raise source.error(node)
    return value
