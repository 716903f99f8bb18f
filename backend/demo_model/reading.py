"""Reading the hand-written YAML strictly: what is not as expected is refused with the file and the entry named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, Language] = ("en", "zh")
ByLanguage = dict[Language, tuple[str, ...]]


# In a list of wordings: those below it were added after the test split was fixed, and never change it.
TRAINED_ONLY_BELOW = "below: trained only"


class TrainedOnly(str):
    """A wording that is in no test split, whatever its hash."""


class CorpusError(ValueError):
    """A corpus or phrases file is not what it has to be; the message names the file and the entry."""


def read(path: Path) -> object:
    """The content of a YAML file."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise CorpusError(f"{path.name} is not valid YAML: {error}") from error


def entries(path: Path) -> list[tuple[str, object]]:
    """The entries of a list file, each with the words that name it in an error."""
    loaded = read(path)
    if not isinstance(loaded, list):
        raise CorpusError(f"{path.name} has to be a list of entries.")
    found: list[tuple[str, object]] = []
    for number, entry in enumerate(loaded, 1):
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise CorpusError(f"{path.name}, entry {number}: it needs an id.")
        found.append((f"{path.name}, {name}", entry))
    return found


def mapping(value: object, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Keys and values, with all of the required keys and no other than the optional ones."""
    if not isinstance(value, dict):
        raise CorpusError(f"{where}: expected keys and values.")
    for key in value:
        if key not in required and key not in optional:
            raise CorpusError(f"{where}: unknown key {key!r}.")
    for key in required:
        if key not in value:
            raise CorpusError(f"{where}: the key {key!r} is missing.")
    return value


def texts(value: object, where: str) -> tuple[str, ...]:
    """One text or a list of them."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given:
        raise CorpusError(f"{where}: expected a list of texts.")
    for text in given:
        if not isinstance(text, str) or not text.strip():
            raise CorpusError(f"{where}: {text!r} is not a text; quote it if it is meant as one.")
    if TRAINED_ONLY_BELOW not in given:
        return tuple(given)
    place = given.index(TRAINED_ONLY_BELOW)
    return (*given[:place], *map(TrainedOnly, given[place + 1 :]))


def by_language(value: object, where: str) -> ByLanguage:
    """Texts in both languages."""
    both = mapping(value, where, required=LANGUAGES)
    return {language: texts(both[language], f"{where}, {language}") for language in LANGUAGES}
