"""Small things done to text: templates filled, lists written out, sentences split."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.demo_model.reading import Language

_PLACE = re.compile(r"\{([a-z_]+)\}")
_SENTENCE_END = re.compile(r"(?<=[。！？])(?=.)|(?<=[.!?])\s+(?=[A-Z\d])")


def fill(template: str, **values: str) -> str:
    """Put values in the places of `{name}`; between Chinese and Latin letters goes a blank."""
    written = ""
    end = 0
    for place in _PLACE.finditer(template):
        if place[1] not in values:
            continue
        written = _joined(written, template[end : place.start()])
        written = _joined(written, values[place[1]])
        end = place.end()
    return _joined(written, template[end:]) if end else template


def _joined(left: str, right: str) -> str:
    if not left or not right:
        return left + right
    mixed = (is_chinese(left[-1]) and right[0].isascii() and right[0].isalnum()) or (
        is_chinese(right[0]) and left[-1].isascii() and left[-1].isalnum()
    )
    return f"{left} {right}" if mixed else left + right


def is_chinese(character: str) -> bool:
    """Whether this is a Chinese character (punctuation is not)."""
    return "\u4e00" <= character <= "\u9fff"


def enumerated(items: Sequence[str], language: Language) -> str:
    """`a, b and c`, or `a、b和c`."""
    if len(items) == 1:
        return items[0]
    if language == "zh":
        return fill("{a}和{b}", a="、".join(items[:-1]), b=items[-1])
    return f"{', '.join(items[:-1])} and {items[-1]}"


def capitalized(text: str) -> str:
    """With a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def sentences(text: str) -> list[str]:
    """The sentences of a text; a text of several lines is its lines."""
    if "\n" in text:
        return [line.strip() for line in text.split("\n") if line.strip()]
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def first_sentence(text: str) -> str:
    """The short form of an answer: its first sentence, or all of it when it is a list, a table or code."""
    return text if "\n" in text else sentences(text)[0]
