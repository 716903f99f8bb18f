"""The hand-written text of the demonstration model, read strictly from YAML files.

`corpus/*.yaml` hold intents: ways to ask something, answers to it, and perhaps the answer as JSON.
`phrases/*.yaml` hold what the generators are made of: system prompts, wordings, facts to recall, values.
An unknown key, a missing language or an empty text is refused with a sentence naming the file and the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, Language] = ("en", "zh")
HERE = Path(__file__).parent
CORPUS_DIR = HERE / "corpus"
PHRASES_DIR = HERE / "phrases"

ByLanguage = dict[Language, tuple[str, ...]]


class CorpusError(ValueError):
    """A corpus or phrases file is not what it has to be; the message names the file and the entry."""


@dataclass(frozen=True)
class Intent:
    """Something the model can be asked, with its answers; `topic` is the name of its file."""

    id: str
    topic: str
    ask: ByLanguage
    answer: ByLanguage
    json: dict[Language, dict[str, Any]] | None


@dataclass(frozen=True)
class Fact:
    """Something a user tells about himself and asks back later; `{x}` stands for the value."""

    id: str
    tell: ByLanguage
    told: ByLanguage
    ask: ByLanguage
    answer: ByLanguage
    unknown: ByLanguage


@dataclass(frozen=True)
class Phrases:
    """All that `phrases/` holds."""

    system_prompts: dict[str, ByLanguage]
    wordings: dict[str, ByLanguage]
    tasks: dict[str, ByLanguage]
    facts: tuple[Fact, ...]
    values: dict[str, tuple[str, ...]]


SYSTEM_PROMPT_KEYS = ("assistant", "unrelated", "concise", "list", "answer_in_en", "answer_in_zh", "json")
WORDING_KEYS = ("openers", "closers", "as_json", "same_what_is", "same_how_to")
TASK_KEYS = ("repeat", "unknown")
VALUE_KEYS = (
    "given_names_en",
    "family_names_en",
    "syllables_en",
    "surnames_zh",
    "given_characters_zh",
    "cities_en",
    "cities_zh",
    "colors_en",
    "colors_zh",
    "foods_en",
    "foods_zh",
    "words_en",
    "topics_en",
    "topics_zh",
)


def load_intents(folder: Path = CORPUS_DIR) -> tuple[Intent, ...]:
    """Read every `*.yaml` of a folder, in the order of file names; ids are unique across files."""
    intents: list[Intent] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for where, entry in _entries(path):
            keys = _mapping(entry, where, required=("id", "ask", "answer"), optional=("json",))
            intent = Intent(
                id=keys["id"],
                topic=path.stem,
                ask=_by_language(keys["ask"], f"{where}, ask"),
                answer=_by_language(keys["answer"], f"{where}, answer"),
                json=_json_by_language(keys["json"], f"{where}, json") if "json" in keys else None,
            )
            if intent.id in seen:
                raise CorpusError(f"{where}: this id is already used in {seen[intent.id]}.")
            seen[intent.id] = path.name
            intents.append(intent)
    if not intents:
        raise CorpusError(f"{folder} holds no intents.")
    return tuple(intents)


def load_phrases(folder: Path = PHRASES_DIR) -> Phrases:
    """Read the files the generators need."""
    facts: list[Fact] = []
    for where, entry in _entries(folder / "recall.yaml"):
        parts = ("tell", "told", "ask", "answer", "unknown")
        keys = _mapping(entry, where, required=("id", *parts))
        facts.append(Fact(keys["id"], *(_by_language(keys[part], f"{where}, {part}") for part in parts)))
    values_where = "values.yaml"
    values = _mapping(_read(folder / values_where), values_where, required=VALUE_KEYS)
    return Phrases(
        system_prompts=_named(folder / "system_prompts.yaml", SYSTEM_PROMPT_KEYS),
        wordings=_named(folder / "wordings.yaml", WORDING_KEYS),
        tasks=_named(folder / "tasks.yaml", TASK_KEYS),
        facts=tuple(facts),
        values={key: _texts(value, f"{values_where}, {key}") for key, value in values.items()},
    )


def _read(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CorpusError(f"{path.name} is not valid YAML: {error}") from error


def _entries(path: Path) -> list[tuple[str, object]]:
    """The entries of a list file, each with the words that name it in an error."""
    loaded = _read(path)
    if not isinstance(loaded, list):
        raise CorpusError(f"{path.name} has to be a list of entries.")
    entries: list[tuple[str, object]] = []
    for number, entry in enumerate(loaded, 1):
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise CorpusError(f"{path.name}, entry {number}: it needs an id.")
        entries.append((f"{path.name}, {name}", entry))
    return entries


def _named(path: Path, keys: tuple[str, ...]) -> dict[str, ByLanguage]:
    loaded = _mapping(_read(path), path.name, required=keys)
    return {key: _by_language(value, f"{path.name}, {key}") for key, value in loaded.items()}


def _mapping(value: object, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CorpusError(f"{where}: expected keys and values.")
    for key in value:
        if key not in required and key not in optional:
            raise CorpusError(f"{where}: unknown key {key!r}.")
    for key in required:
        if key not in value:
            raise CorpusError(f"{where}: the key {key!r} is missing.")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise CorpusError(f"{where}: expected a list of texts.")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise CorpusError(f"{where}: {text!r} is not a text; quote it if it is meant as one.")
    return tuple(texts)


def _by_language(value: object, where: str) -> ByLanguage:
    mapping = _mapping(value, where, required=LANGUAGES)
    return {language: _texts(mapping[language], f"{where}, {language}") for language in LANGUAGES}


def _json_by_language(value: object, where: str) -> dict[Language, dict[str, Any]]:
    mapping = _mapping(value, where, required=LANGUAGES)
    for language in LANGUAGES:
        if not isinstance(mapping[language], dict):
            raise CorpusError(f"{where}, {language}: a JSON answer is an object.")
    return cast("dict[Language, dict[str, Any]]", mapping)
