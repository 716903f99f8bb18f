"""The sentences and requests around values, in training: as written, put together of several, with words changed.

A network that meets the same fifty sentences of a kind again and again learns them by heart, and takes the words of one
that it does not know for values. So every other sentence is one that it never meets again: pieces between two values
come from any wording of the list that has such a piece, and common words are put in, left out, replaced or moved.
Common words are never values in training (values.py), so that they can be told apart. No wording of the test split
comes about: what would be one is given as written instead. The test split has its wordings as they are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from random import Random

from backend.demo_model.reading import LANGUAGES, ByLanguage, Language
from backend.demo_model.split import Split, wording_key, wordings_of
from backend.demo_model.texts import capitalized

CROSSED_SHARE = 0.4
CHANGED_SHARE = 0.4
COMMON_IN: dict[Language, int] = {
    "en": 12,
    "zh": 4,
}  # wordings that a word stands in, or two Chinese characters side by side, to be common
_ENDINGS = " .。!！?？:："
_LEAST_WORDS = 3  # words that a shorter sentence keeps
_PLACE = re.compile(r"\{([a-z_]+)\}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_ENGLISH = re.compile(r"[a-z']+")
_PARTS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"\S+"),
    "zh": re.compile(r"\{[a-z_]+\}|[\u4e00-\u9fff]|[^\u4e00-\u9fff{}]+"),
}


class Frames:
    """Draws sentences of one split."""

    def __init__(self, lists: Iterable[ByLanguage], split: Split) -> None:
        """`lists`: the wordings in which words have to be common to be put into others."""
        self._split = split
        counted: dict[Language, Counter[str]] = {language: Counter() for language in LANGUAGES}
        for wordings in lists:
            for language in LANGUAGES:
                for text in wordings_of(wordings[language], "train"):
                    counted[language].update(_words(text, language))
        self.common: dict[Language, tuple[str, ...]] = {
            language: tuple(sorted(word for word, count in counts.items() if count >= COMMON_IN[language]))
            for language, counts in counted.items()
        }

    def draw(self, wordings: tuple[str, ...], language: Language, rng: Random) -> str:
        """One of a list of wordings with places such as `{name}`, or, in training, another text with these places."""
        written = rng.choice(wordings_of(wordings, self._split))
        if self._split == "test" or not _PLACE.search(written):
            return written
        text = _crossed(wordings, written, rng) if rng.random() < CROSSED_SHARE else written
        if rng.random() < CHANGED_SHARE:
            text = self._changed(text, language, rng)
        no_words = not wording_key(_PLACE.sub("", text))
        return written if no_words or wording_key(text) in _held_out(wordings) else text

    def _changed(self, text: str, language: Language, rng: Random) -> str:
        """With one or two common words put in, left out, replaced or moved."""
        bare = text.rstrip(_ENDINGS)
        parts = _PARTS[language].findall(bare)
        for _ in range(rng.choice((1, 1, 2))):
            words = [number for number, part in enumerate(parts) if "{" not in part]
            word = rng.choice(self.common[language])
            how = rng.choice(("in", "in", "out", "replaced", "moved"))
            if how == "in" or not words:
                parts.insert(rng.randrange(len(parts)), word)
                continue
            place = rng.choice(words)
            if how == "replaced":
                parts[place] = word
            elif len(words) > _LEAST_WORDS:
                part = parts.pop(place)
                if how == "moved":
                    parts.insert(rng.randrange(len(parts)), part)
        changed = (" " if language == "en" else "").join(parts) + text[len(bare) :]
        return capitalized(changed) if text[:1].isupper() else changed


@cache
def _held_out(wordings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(wording_key(text) for text in wordings_of(wordings, "test"))


@cache
def _pieces(wordings: tuple[str, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """What stands between two places in the wordings of training; "" is the beginning and the end."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for text in wordings_of(wordings, "train"):
        pieces, places = _divided(text)
        for ends, piece in zip(zip(["", *places], [*places, ""], strict=True), pieces, strict=True):
            found[ends].append(piece)
    return {ends: tuple(pieces) for ends, pieces in found.items()}


def _crossed(wordings: tuple[str, ...], written: str, rng: Random) -> str:
    """A sentence with its places in the order of `written`, each piece of any of the wordings."""
    _, places = _divided(written)
    pieces = _pieces(wordings)
    text = ""
    for left, right in zip(["", *places], [*places, ""], strict=True):
        text += rng.choice(pieces[left, right]) + (f"{{{right}}}" if right else "")
    return text


def _divided(text: str) -> tuple[Sequence[str], Sequence[str]]:
    """The pieces of a wording and the names of the places between them."""
    divided = _PLACE.split(text)
    return divided[::2], divided[1::2]


def _words(text: str, language: Language) -> set[str]:
    """The English words of a wording in lower case, or the pairs of its Chinese characters."""
    bare = _PLACE.sub("\n", text)
    if language == "en":
        return set(_ENGLISH.findall(bare.lower()))
    return {run[at : at + 2] for run in _CHINESE.findall(bare) for at in range(len(run) - 1)}
