"""The app's sentences in the user's language, from `chat/locales/LANGUAGE/*.yaml`.

Chainlit's own words are in `.chainlit/translations/`. A key missing in a language, or a sentence
that asks for other values than its English twin, is found by `tests/unit/test_texts.py`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from chat.errors import DataFileError

LOCALES_DIR = Path(__file__).with_name("locales")

Language = Literal["en-US", "zh-CN"]
LANGUAGES: tuple[Language, ...] = ("en-US", "zh-CN")


def language_for(tag: str | None) -> Language:
    """The language to use for a tag ("zh-TW", "de", None) or an Accept-Language header, whose first tag is taken."""
    return "zh-CN" if re.match(r"zh\b", tag or "", re.IGNORECASE) else "en-US"


@cache
def sentences(language: Language) -> dict[str, str]:
    """All sentences of a language by key; a key may stand in one file only."""
    together: dict[str, str] = {}
    for path in sorted((LOCALES_DIR / language).glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
            raise DataFileError(f"{language}/{path.name}: expected one mapping from key to sentence")
        if twice := together.keys() & content.keys():
            raise DataFileError(f"{language}/{path.name}: {', '.join(sorted(twice))} stands in another file, too")
        together |= content
    return together


@cache
def group(language: Language, prefix: str) -> dict[str, str]:
    """The sentences whose keys begin with `prefix`, by the rest of their keys, as an element of the page takes them."""
    return {key.removeprefix(prefix): s for key, s in sentences(language).items() if key.startswith(prefix)}


def text(language: Language, key: str, /, **values: object) -> str:
    """The sentence `key`, filled with `values`; KeyError for a key that no locale has."""
    return sentences(language)[key].format(**values)
