"""Names, cities, dates, amounts, random phrases: the values generated conversations are filled with.

Every value belongs to one split by its hash (split.py), those made of random syllables and characters too, so a name
of the test split is never trained on however it comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.split import Split, value_split
from backend.demo_model.tokenizer import common_chinese_characters

Value = str | int | float
_T = TypeVar("_T", bound=Value)
_CHARACTERS = common_chinese_characters()
_LISTS = {
    "city": "cities",
    "color": "colors",
    "food": "foods",
    "job": "jobs",
    "pet": "pets",
    "hobby": "hobbies",
    "drink": "drinks",
    "company": "companies",
    "country": "countries",
    "product": "products",
    "task": "tasks",
    "subject": "subjects",
    "topic": "topics",
}
_RANGES = {
    "count": (2, 500),
    "rating": (1, 5),
    "temperature": (-20, 40),
    "wind": (0, 90),
    "year": (1985, 2026),
    "age": (16, 90),
    "distance": (2, 990),
    "duration": (5, 300),
    "number": (1, 999),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_CURRENCIES = {
    "en": ("euros", "dollars", "pounds", "yuan", "EUR", "USD"),
    "zh": ("元", "美元", "欧元", "英镑", "人民币", "日元"),
}
_FEW = 12  # values of a kind that has no more are in both splits
# How often a value is no listed one. In training more often: what is known from a list is guessed instead of copied.
_MADE_UP_SHARE: dict[Split, float] = {"train": 0.7, "test": 0.4}
_SPLICED_SHARE = 0.3
_COMMON_NOUNS = ("color", "food", "job", "pet", "hobby", "drink", "product")
_PHRASES = ("task", "subject")
_ONSETS = (
    *("b", "bl", "br", "c", "ch", "cl", "cr", "d", "dr", "f", "fl", "fr", "g", "gl"),
    *("gr", "h", "j", "k", "kn", "l", "m", "n", "p", "ph", "pl", "pr", "qu", "r"),
    *("s", "sc", "sh", "sk", "sl", "sm", "sn", "sp", "st", "str", "sw", "t", "th", "tr"),
    *("tw", "v", "w", "wh", "wr", "y", "z"),
)
_VOWELS = ("a", "e", "i", "o", "u", "y", "ai", "au", "ea", "ee", "ei", "ie", "oa", "oo", "ou", "ue")
_CODAS = (
    *("", "", "", "b", "ck", "d", "ft", "g", "k", "l", "ll", "lt", "m", "mp", "n", "nd", "ng", "nt"),
    *("p", "r", "rk", "rm", "rn", "rt", "s", "sh", "ss", "st", "t", "th", "ve", "w", "x", "zz"),
)


class Values:
    """Draws values of one split."""

    def __init__(
        self, lists: dict[str, tuple[str, ...]], words: tuple[str, ...], common: frozenset[str], split: Split
    ) -> None:
        """`words`: lower-case English words, any of which but the `common` may be a value that has to be copied."""
        self._lists = lists
        self._words = words
        self._common = common
        self._split = split
        self._given_characters = "".join(lists["given_characters_zh"])
        self._spliced_from = {
            language: tuple(
                dict.fromkeys(
                    word.lower()
                    for name, values in lists.items()
                    if name.endswith(f"_{language}")
                    for value in values
                    for word in value.split()
                    if len(word) > 1
                )
            )
            for language in LANGUAGES
        }

    def draw(self, kind: str, language: Language, rng: Random) -> Value:
        """A value of a kind: `name`, `date`, `price`, a number with a range, or an entry of one of the lists."""
        if kind in _RANGES:
            low, high = _RANGES[kind]
            if high - low < _FEW:
                return rng.randint(low, high)
            return self._of_split(lambda: rng.randint(low, high))
        if kind == "currency":
            return rng.choice(_CURRENCIES[language])
        made: Callable[[Language, Random], Value] | None = getattr(self, f"_{kind}", None)
        if made is not None:
            return self._of_split(lambda: made(language, rng))
        if rng.random() < _MADE_UP_SHARE[self._split]:
            if language == "en" and kind in _PHRASES:
                return " ".join(self._lower_word(rng) for _ in range(rng.randint(2, 4)))
            if language == "en" and kind in _COMMON_NOUNS:
                return " ".join(self._lower_word(rng) for _ in range(rng.choice((1, 1, 2))))
            if language == "en" and kind == "company" and self._split == "train":
                words = rng.choice((1, 2, 2, 3))
                return self._of_split(lambda: " ".join(self._random_word("en", rng) for _ in range(words)))
            return self.made_up(language, rng)
        return self._listed(_LISTS[kind], language, rng)

    def text(self, kind: str, language: Language, rng: Random) -> str:
        """The same as text."""
        return str(self.draw(kind, language, rng))

    def topic(self, language: Language, rng: Random) -> str:
        """A subject the model knows nothing about."""
        return self._listed("topics", language, rng)

    def phrase(self, language: Language, rng: Random, longest: int) -> str:
        """One to `longest` random words or characters, to be repeated."""
        return self._of_split(lambda: self._phrase(language, rng, longest))

    def made_up(self, language: Language, rng: Random) -> str:
        """A word that is in no list."""
        return self._of_split(lambda: self._random_word(language, rng))

    def _listed(self, name: str, language: Language, rng: Random) -> str:
        """An entry of a list; a list too short to have one in this split gives a made-up word."""
        choices = [value for value in self._lists[f"{name}_{language}"] if value_split(value) == self._split]
        return rng.choice(choices) if choices else self.made_up(language, rng)

    def _of_split(self, make: Callable[[], _T]) -> _T:
        while value_split(str(value := make())) != self._split:
            pass
        return value

    def _random_word(self, language: Language, rng: Random) -> str:
        if rng.random() < _SPLICED_SHARE:
            return self._spliced(language, rng).capitalize()
        if language == "zh":
            return "".join(rng.choices(_CHARACTERS, k=rng.choice((2, 2, 3, 4))))
        if rng.random() < 0.4:
            return _pronounceable(rng).capitalize()
        return "".join(rng.choices(self._lists["syllables_en"], k=rng.choice((2, 2, 3, 3, 4)))).capitalize()

    def _lower_word(self, rng: Random) -> str:
        """A word in lower case: one of the corpus, or one that does not exist."""
        while (word := self._any_lower_word(rng)) in self._common:
            pass
        return word

    def _any_lower_word(self, rng: Random) -> str:
        chance = rng.random()
        if chance < 0.4:
            return self._of_split(lambda: rng.choice(self._words))
        if chance < 0.7:
            return self._of_split(lambda: self._spliced("en", rng))
        return self._of_split(lambda: _pronounceable(rng))

    def _spliced(self, language: Language, rng: Random) -> str:
        """The beginning of one listed word and the end of another: made up, of the pieces that real words have.

        Copying is learned piece by piece, and a piece that comes up nowhere else could not be copied in a test value.
        """
        first, second = rng.choices(self._spliced_from[language], k=2)
        return first[: rng.randint(1, len(first) - 1)] + second[rng.randint(1, len(second) - 1) :]

    def _listed_name(self, language: Language, rng: Random) -> str:
        if language == "en":
            return rng.choice(self._lists["given_names_en"])
        given = "".join(rng.choices(self._given_characters, k=rng.choice((1, 2, 2))))
        return rng.choice(self._lists["surnames_zh"]) + given

    def _name(self, language: Language, rng: Random) -> str:
        if rng.random() < 0.1:  # Chinese names in English sentences and the other way round
            language = "en" if language == "zh" else "zh"
        name = self._listed_name(language, rng) if rng.random() < 0.4 else self._random_word(language, rng)
        if language == "en":
            if rng.random() < 0.2:
                name += " " + rng.choice(self._lists["family_names_en"])
            if rng.random() < 0.03:
                name = name.lower()
        return name

    def _project(self, language: Language, rng: Random) -> str:
        return self._random_word(language, rng)

    def _pet_name(self, language: Language, rng: Random) -> str:
        return self._random_word(language, rng)

    def _date(self, language: Language, rng: Random) -> str:
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2019, 2031)
        form = rng.random()
        if form < 0.3:
            return f"{year}-{month:02}-{day:02}"
        if language == "zh":
            return f"{year}年{month}月{day}日" if form < 0.6 else f"{month}月{day}日"
        name = _MONTHS[month - 1]
        if form < 0.55:
            return f"{day} {name} {year}"
        return f"{day} {name}" if form < 0.8 else f"{name} {day}"

    def _birthday(self, language: Language, rng: Random) -> str:
        day, month = rng.randint(1, 28), rng.randint(1, 12)
        return f"{month}月{day}日" if language == "zh" else f"{day} {_MONTHS[month - 1]}"

    def _time(self, language: Language, rng: Random) -> str:
        hour = rng.randint(7, 19)
        if language == "zh" and rng.random() < 0.4:
            return f"上午{hour}点" if hour < 12 else f"下午{hour - 12 or 12}点"
        return f"{hour}:{rng.choice((0, 10, 15, 20, 30, 40, 45, 50)):02}"

    def _price(self, language: Language, rng: Random) -> Value:
        whole = rng.randint(1, rng.choice((50, 500, 5000)))
        return whole if rng.random() < 0.5 else float(f"{whole}.{rng.choice(('5', '25', '75', '99', '95', '49'))}")

    def _email(self, language: Language, rng: Random) -> str:
        first, last = self._listed_name("en", rng), self._random_word("en", rng)
        if rng.random() < 0.5:
            first = self._random_word("en", rng)
        return f"{first}.{last}@example.com".lower() if rng.random() < 0.5 else f"{last}@example.org".lower()

    def _phone(self, language: Language, rng: Random) -> str:
        if language == "zh":
            return "13" + "".join(rng.choices("0123456789", k=9))
        return f"555-{rng.randint(0, 9999):04}"

    def _code(self, language: Language, rng: Random) -> str:
        return rng.choice("ABCDEFGHKLMNPRSTW") + rng.choice(("-", "")) + str(rng.randint(100, 99999))

    def _room(self, language: Language, rng: Random) -> str:
        return rng.choice(("", "A", "B", "C", "D")) + str(rng.randint(100, 999))

    def _phrase(self, language: Language, rng: Random, longest: int) -> str:
        length = rng.randint(1, longest)
        if language == "zh":
            return "".join(rng.choices(_CHARACTERS, k=length + 1))
        names = [self._name("en", rng) for _ in range(1 + length // 3)]
        names += [self._lower_word(rng) for _ in range(1 + length // 2)]
        names += [str(rng.randint(0, 9999)) for _ in range(length // 3)]
        return " ".join(rng.choices([*names, *rng.choices(self._lists["words_en"], k=length)], k=length))


def _pronounceable(rng: Random) -> str:
    """One to three syllables out of nothing."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
    )
