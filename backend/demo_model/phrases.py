"""What the generators are made of: system prompts, personas, wordings, facts to recall, fields and clauses, values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.demo_model.corpus import HERE
from backend.demo_model.reading import (
    LANGUAGES,
    ByLanguage,
    CorpusError,
    Language,
    by_language,
    entries,
    mapping,
    read,
    texts,
)

PHRASES_DIR = HERE / "phrases"
FIELD_TYPES = ("string", "integer", "number", "boolean", "enum", "people", "things")


@dataclass(frozen=True)
class Fact:
    """Something a user tells about himself, may correct, and asks back; `{x}` stands for the value."""

    id: str
    tell: ByLanguage
    told: ByLanguage
    ask: ByLanguage
    answer: ByLanguage
    unknown: ByLanguage
    correct: ByLanguage
    corrected: ByLanguage


@dataclass(frozen=True)
class Persona:
    """A character to speak as: what system prompts call it, and what it says before and after every answer."""

    id: str
    noun: dict[Language, str]
    prompts: ByLanguage
    open: dict[Language, str]
    close: dict[Language, str]


@dataclass(frozen=True)
class Field:
    """Something to extract: the kind of value, its JSON type, JSON keys for it and words for it."""

    id: str
    value: str
    type: str
    keys: tuple[str, ...]
    words: ByLanguage
    values: dict[str, dict[Language, str]]


@dataclass(frozen=True)
class Clause:
    """A sentence in many wordings that states the fields of `slots` (as `{slot}`) or those of `set`."""

    group: str
    first: bool
    slots: tuple[str, ...]
    set: dict[str, Any]
    repeat: str | None
    wordings: ByLanguage


@dataclass(frozen=True)
class Scenario:
    """A kind of text: clauses, of which a text has one per group at most."""

    id: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Phrases:
    """All that `phrases/` holds."""

    system_prompts: dict[str, ByLanguage]
    personas: tuple[Persona, ...]
    wordings: dict[str, ByLanguage]
    synonyms: dict[Language, tuple[tuple[str, ...], ...]]
    tasks: dict[str, ByLanguage]
    facts: tuple[Fact, ...]
    fields: dict[str, Field]
    scenarios: tuple[Scenario, ...]
    values: dict[str, tuple[str, ...]]


def load_phrases(folder: Path = PHRASES_DIR) -> Phrases:
    """Read the files the generators need."""
    fields = {field.id: field for field in map(_field, entries(folder / "fields.yaml"))}
    return Phrases(
        system_prompts=_named(folder / "system_prompts.yaml"),
        personas=tuple(map(_persona, entries(folder / "personas.yaml"))),
        wordings=_named(folder / "wordings.yaml"),
        synonyms=_synonyms(folder / "synonyms.yaml"),
        tasks=_named(folder / "tasks.yaml"),
        facts=tuple(map(_fact, entries(folder / "recall.yaml"))),
        fields=fields,
        scenarios=tuple(_scenario(where, entry, fields) for where, entry in entries(folder / "extraction.yaml")),
        values={key: texts(value, f"values.yaml, {key}") for key, value in _mapped(folder / "values.yaml").items()},
    )


def _mapped(path: Path) -> dict[str, Any]:
    loaded = read(path)
    if not isinstance(loaded, dict):
        raise CorpusError(f"{path.name}: expected keys and values.")
    return loaded


def _named(path: Path) -> dict[str, ByLanguage]:
    return {key: by_language(value, f"{path.name}, {key}") for key, value in _mapped(path).items()}


def _synonyms(path: Path) -> dict[Language, tuple[tuple[str, ...], ...]]:
    both = mapping(read(path), path.name, required=LANGUAGES)
    return {language: tuple(texts(group, path.name) for group in both[language]) for language in LANGUAGES}


def _fact(named: tuple[str, object]) -> Fact:
    where, entry = named
    parts = ("tell", "told", "ask", "answer", "unknown", "correct", "corrected")
    keys = mapping(entry, where, required=("id", *parts))
    return Fact(keys["id"], *(by_language(keys[part], f"{where}, {part}") for part in parts))


def _persona(named: tuple[str, object]) -> Persona:
    where, entry = named
    keys = mapping(entry, where, required=("id", "noun", "prompts", "open", "close"))
    one = {part: by_language(keys[part], f"{where}, {part}") for part in ("noun", "open", "close")}
    return Persona(
        keys["id"],
        prompts=by_language(keys["prompts"], f"{where}, prompts"),
        **{part: {language: both[language][0] for language in LANGUAGES} for part, both in one.items()},
    )


def _field(named: tuple[str, object]) -> Field:
    where, entry = named
    keys = mapping(entry, where, required=("id", "value", "type", "keys", "words"), optional=("values",))
    if keys["type"] not in FIELD_TYPES:
        raise CorpusError(f"{where}: {keys['type']!r} is no type; there are {', '.join(FIELD_TYPES)}.")
    return Field(
        keys["id"],
        keys["value"],
        keys["type"],
        texts(keys["keys"], f"{where}, keys"),
        by_language(keys["words"], f"{where}, words"),
        keys.get("values", {}),
    )


def _scenario(where: str, entry: object, fields: dict[str, Field]) -> Scenario:
    keys = mapping(entry, where, required=("id", "clauses"))
    clauses: list[Clause] = []
    for number, clause in enumerate(keys["clauses"], 1):
        at = f"{where}, clause {number}"
        parts = mapping(clause, at, required=("group", "slots", *LANGUAGES), optional=("first", "set", "repeat"))
        stated = dict(parts.get("set", {}))
        slots = tuple(parts["slots"])
        for slot in (*slots, *stated):
            if slot not in fields:
                raise CorpusError(f"{at}: there is no field {slot!r}.")
        wordings = by_language({language: parts[language] for language in LANGUAGES}, at)
        for language in LANGUAGES:
            for text in wordings[language]:
                if any(text.count("{" + slot + "}") != 1 for slot in slots) or text.count("{") != len(slots):
                    raise CorpusError(f"{at}, {language}: {text!r} has to hold {', '.join(slots) or 'no slot'} once.")
        clauses.append(Clause(parts["group"], parts.get("first", False), slots, stated, parts.get("repeat"), wordings))
    return Scenario(keys["id"], tuple(clauses))
