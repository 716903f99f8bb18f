"""Names, cities, random phrases: the values generated conversations are filled with.

Every value belongs to one split by its hash (split.py), those made of random syllables and characters too, so a name
of the test split is never trained on however it comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from backend.demo_model.corpus import Language
from backend.demo_model.split import Split, value_split
from backend.demo_model.tokenizer import common_chinese_characters

_CHARACTERS = common_chinese_characters()


class Values:
    """Draws values of one split from the lists of `values.yaml`."""

    def __init__(self, lists: dict[str, tuple[str, ...]], split: Split) -> None:
        self._lists = lists
        self._split = split
        self._given_characters = "".join(lists["given_characters_zh"])

    def draw(self, kind: str, language: Language, rng: Random) -> str:
        """A value for a fact: a `name`, or one from the list of cities, colors or foods."""
        if kind == "name":
            return self._of_split(lambda: self._name(language, rng))
        plural = {"city": "cities", "color": "colors", "food": "foods"}[kind]
        choices = self._lists[f"{plural}_{language}"]
        return self._of_split(lambda: rng.choice(choices))

    def topic(self, language: Language, rng: Random) -> str:
        """A subject the model knows nothing about."""
        return self._of_split(lambda: rng.choice(self._lists[f"topics_{language}"]))

    def phrase(self, language: Language, rng: Random, longest: int) -> str:
        """One to `longest` random words or characters, to be repeated."""
        return self._of_split(lambda: self._phrase(language, rng, longest))

    def real_name(self, language: Language, rng: Random) -> str:
        """A name as people have it, for measuring: no random syllables or characters."""
        return self._of_split(lambda: self._listed_name(language, rng))

    def _of_split(self, make: Callable[[], str]) -> str:
        while value_split(value := make()) != self._split:
            pass
        return value

    def _listed_name(self, language: Language, rng: Random) -> str:
        if language == "en":
            return rng.choice(self._lists["given_names_en"])
        given = "".join(rng.choices(self._given_characters, k=rng.choice((1, 2, 2))))
        return rng.choice(self._lists["surnames_zh"]) + given

    def _name(self, language: Language, rng: Random) -> str:
        if rng.random() < 0.12:  # Chinese names in English sentences and the other way round
            language = "en" if language == "zh" else "zh"
        if rng.random() < 0.35:
            name = self._listed_name(language, rng)
        elif language == "en":
            name = "".join(rng.choices(self._lists["syllables_en"], k=rng.choice((2, 2, 3, 3, 4)))).capitalize()
        else:
            name = "".join(rng.choices(_CHARACTERS, k=rng.choice((2, 3, 3, 4))))
        if language == "en":
            if rng.random() < 0.15:
                name += " " + rng.choice(self._lists["family_names_en"])
            if rng.random() < 0.05:
                name = name.lower()
        return name

    def _phrase(self, language: Language, rng: Random, longest: int) -> str:
        length = rng.randint(1, longest)
        if language == "zh":
            return "".join(rng.choices(_CHARACTERS, k=length + 1))
        names = [self._name("en", rng) for _ in range(1 + length // 3)]
        return " ".join(rng.choices([*names, *rng.choices(self._lists["words_en"], k=length)], k=length))
