"""The report's sentences in two languages, from `report_words.yaml`, and how numbers are written in them.

    say("unit_tokens_s", value="180")  ->  Text(en="180 tokens/s", zh="180 token/秒")

A value may be a Text itself. A value that is missing, or that the sentence does not name, is an error of this program.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from backend.data import STRICT, load

Language = Literal["en", "zh"]
LANGUAGES: Mapping[Language, str] = {"en": "en", "zh": "zh-CN"}
"""With their names in HTML"""


@dataclass(frozen=True)
class Text:
    """A sentence, or part of one, in both languages."""

    __pydantic_config__ = STRICT

    en: str
    zh: str

    def of(self, language: Language) -> str:
        return self.en if language == "en" else self.zh


@cache
def words() -> Mapping[str, Text]:
    """Every sentence, by key."""
    return load("../benchmark/report_words.yaml", dict[str, Text])


def say(key: str, **values: Text | str) -> Text:
    """The sentence with its values."""
    sentence = words()[key]
    if extra := values.keys() - placeholders(sentence.en) - placeholders(sentence.zh):
        raise KeyError(f"{key}: {', '.join(sorted(extra))}")

    def filled(language: Language) -> str:
        given = {name: value.of(language) if isinstance(value, Text) else value for name, value in values.items()}
        return sentence.of(language).format(**given)

    return Text(filled("en"), filled("zh"))


def placeholders(sentence: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def plain(text: str) -> Text:
    """What is the same in both languages: a number, a name."""
    return Text(text, text)


def joined(parts: list[Text]) -> Text:
    """Sentences one after the other."""
    return Text(" ".join(part.en for part in parts), "".join(part.zh for part in parts))


def joined_by_comma(parts: list[Text]) -> Text:
    """Clauses one after the other."""
    return Text(", ".join(part.en for part in parts), "，".join(part.zh for part in parts))


def number(value: float | None, digits: int = 0) -> str:
    """1,234.5; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def rounded(value: float | None) -> str:
    """Three digits that count, for what may be thousands or thousandths."""
    if value is None:
        return "–"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, digits)}f}"


def percent(share: float | None) -> str:
    """62 %; of less than one in a hundred two digits that count."""
    if share is None:
        return "–"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 or share == 0 else f"{100 * share:.2g} %"
