"""What is asked for: fields under keys, nested or not, as a JSON Schema, as a list of keys, and as values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from backend.demo_model.phrases import Field
from backend.demo_model.reading import Language
from backend.demo_model.texts import enumerated

_JSON_TYPES = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "enum": "string"}
_GROUP_KEYS = ("details", "info", "data", "more", "facts", "meta", "record", "about")


@dataclass(frozen=True)
class Slot:
    """A field asked for under a key, or `slots` under it: an object, or with `source` an array of such objects."""

    key: str
    field: Field | None
    described: str | None = None
    nullable: bool = False
    slots: tuple[Slot, ...] = ()
    source: str | None = None  # the name of the `repeat` that makes the array


def schema_of(slots: Sequence[Slot], rng: Random) -> dict[str, Any]:
    """A JSON Schema for these slots; what is optional in a schema is there now and then."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {slot.key: _slot_schema(slot, rng) for slot in slots},
        "required": [slot.key for slot in slots],
    }
    if rng.random() < 0.5:
        schema["additionalProperties"] = False
    return schema


def _slot_schema(slot: Slot, rng: Random) -> dict[str, Any]:
    if slot.field is None:
        inner = schema_of(slot.slots, rng)
        return inner if slot.source is None else {"type": "array", "items": inner}
    if slot.field.type in ("people", "things"):
        schema: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    else:
        name: str = _JSON_TYPES[slot.field.type]
        schema = {"type": [name, "null"] if slot.nullable else name}
        if slot.field.type == "enum":
            schema["enum"] = [*slot.field.values, *([None] if slot.nullable else [])]
    if slot.described:
        schema["description"] = slot.described
    return schema


def schema_like(value: Any, rng: Random) -> dict[str, Any]:
    """A JSON Schema that a value matches, with the bounds that people write now and then."""
    if isinstance(value, dict):
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {key: schema_like(inner, rng) for key, inner in value.items()},
            "required": list(value),
        }
        if rng.random() < 0.7:
            schema["additionalProperties"] = False
    elif isinstance(value, list):
        schema = {"type": "array", "items": schema_like(value[0], rng)}
        if rng.random() < 0.5:
            schema |= {"minItems": 1, "maxItems": rng.choice((8, 10, 12, 20))}
    elif isinstance(value, str):
        schema = {"type": "string"}
    elif isinstance(value, int):
        schema = {"type": rng.choice(("integer", "integer", "number"))}
        if rng.random() < 0.3:
            schema |= {"minimum": min(value, rng.choice((0, 1))), "maximum": max(value, 5)}
    else:
        schema = {"type": "number"}
    return schema


def value_of(slot: Slot, facts: dict[str, Any]) -> Any:
    """What the facts say for a slot; None where they say nothing."""
    if slot.field is not None:
        return facts.get(slot.field.id)
    if slot.source is None:
        return {inner.key: value_of(inner, facts) for inner in slot.slots}
    return [{inner.key: value_of(inner, row) for inner in slot.slots} for row in facts.get(slot.source, [])]


def answers_all(slots: Sequence[Slot], facts: dict[str, Any]) -> bool:
    """Whether the facts state all that these slots may not leave null."""
    return all(
        slot.nullable or value_of(slot, facts) not in (None, [])
        if slot.field is not None
        else (slot.source in facts if slot.source else answers_all(slot.slots, facts))
        for slot in slots
    )


def grouped(slots: list[Slot], rng: Random) -> list[Slot]:
    """Two or more of the slots moved into an object of their own."""
    start = rng.randrange(len(slots) - 1)
    end = rng.randint(start + 2, len(slots))
    taken = {slot.key for slot in slots}
    key = next((key for key in rng.sample(_GROUP_KEYS, len(_GROUP_KEYS)) if key not in taken), "group")
    return [*slots[:start], Slot(key, None, slots=tuple(slots[start:end])), *slots[end:]]


def named_keys(slots: Sequence[Slot], language: Language) -> str:
    """`"name" (the person), "city"`."""
    shown = [json.dumps(slot.key) + (f" ({slot.described})" if slot.described else "") for slot in slots]
    return enumerated(shown, language)
