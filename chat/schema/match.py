"""Whether a value matches a JSON Schema, and where it breaks it first.

The schema may come from a stranger: patterns run in linear time (Rust's regex, without lookaround), nothing is ever
fetched, and one that is too large once its references are followed, or cyclic, is not compared at all. `format` is not
checked: JSON Schema calls it an annotation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, ReferencingError, RegexOptions, ValidationError, ValidationErrorKind

from chat.schema.place import place_of

MAX_NODES = 10_000
LONGEST_REASON = 200

_OF_ALTERNATIVES = (ValidationErrorKind.AnyOf, ValidationErrorKind.OneOfNotValid)


@dataclass(frozen=True, slots=True)
class Violation:
    """Where a value breaks its schema: a JSON Pointer ("" is the whole), and the validator's sentence, in English.

    `keyword` is that of the schema, "minLength" for one, and `value` what it demands, as far as there is a word for it.
    """

    path: str
    reason: str
    keyword: str = field(default="", compare=False)
    value: str = field(default="", compare=False)


def compare(value: object, schema: dict[str, Any]) -> tuple[bool | None, Violation | None]:
    """Whether a value matches, and its first violation; (None, None) where the schema cannot be compared with."""
    if not _is_small(schema):
        return None, None
    # References are local, so what the schema is called has no effect, save that a name that is no URI is refused.
    nameless = {keyword: value for keyword, value in schema.items() if keyword != "$id"}
    try:
        validator = Draft202012Validator(nameless, pattern_options=RegexOptions(), offline=True, validate_formats=False)
        errors = list(validator.iter_errors(value))
    except (ValueError, ReferencingError):
        return None, None
    if not errors:
        return True, None
    first = _first(errors, value)
    path = place_of(first.instance_path, value)
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return False, Violation(pointer, _shortened(first.message), first.kind.name, _demanded(first))


def _is_small(schema: dict[str, Any]) -> bool:
    """Whether a schema, each reference replaced by what it means, has no more than `MAX_NODES` parts.

    Doubling references make work without end out of a few lines. A cycle counts as endless, a reference of another
    kind than `#/a/b` as unknown.
    """
    pending: list[Any] = [schema]
    for _ in range(MAX_NODES):
        if not pending:
            return True
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            for keyword in ("$ref", "$dynamicRef"):
                if isinstance(pointer := node.get(keyword), str):
                    try:
                        pending.append(_target(schema, pointer))
                    except (LookupError, TypeError, ValueError):
                        return False
    return not pending


def _target(schema: Any, pointer: str) -> Any:
    root, *steps = unquote(pointer).split("/")
    if root != "#":
        raise LookupError(pointer)
    for step in steps:
        step = step.replace("~1", "/").replace("~0", "~")
        schema = schema[int(step)] if isinstance(schema, list) else schema[step]
    return schema


def _first(errors: Sequence[ValidationError], value: object) -> ValidationError:
    """The error that comes first in the document, a whole before its parts.

    "Fits none of these alternatives" says little: the alternative that it follows furthest tells where it leaves it.
    """
    first = min(errors, key=lambda error: _position(place_of(error.instance_path, value), value))
    if isinstance(first.kind, _OF_ALTERNATIVES):
        branches = [_first(branch, value) for branch in first.kind.context if branch]
        furthest = max(branches, key=lambda error: len(error.instance_path), default=first)
        if len(furthest.instance_path) > len(first.instance_path):
            return furthest
    return first


def _position(path: Sequence[str | int], value: Any) -> tuple[int, ...]:
    """A path as numbers that sort like the places in the document."""
    position = []
    for step in path:
        position.append(step if isinstance(step, int) else list(value).index(step))
        value = value[step]
    return tuple(position)


def _demanded(error: ValidationError) -> str:
    """What the keyword that is broken demands, or finds too much."""
    value = error.kind.value
    words = value if isinstance(value, list) else [value]
    said = ", ".join(
        word if isinstance(word, str) else json.dumps(word, ensure_ascii=False, default=str) for word in words
    )
    return _shortened(said)


def _shortened(sentence: str) -> str:
    """The validator's sentence begins with the value at fault and ends with what is wrong: the middle can go."""
    half = (LONGEST_REASON - 3) // 2
    return sentence if len(sentence) <= LONGEST_REASON else f"{sentence[:half]} … {sentence[-half:]}"
