"""What is in the conversation: facts told, corrected and asked back, texts to repeat, things named in an order."""

from __future__ import annotations

from random import Random

from backend.demo_model.corpus import Intent
from backend.demo_model.noise import Noise
from backend.demo_model.phrases import Fact, Phrases
from backend.demo_model.reading import LANGUAGES, ByLanguage, Language
from backend.demo_model.split import Split, wordings_of
from backend.demo_model.texts import capitalized, enumerated, fill
from backend.demo_model.turns import Reply, Turn, one_reply, same_reply
from backend.demo_model.values import Values

ORDINALS: dict[Language, tuple[str, ...]] = {
    "en": ("first", "second", "third", "fourth", "fifth"),
    "zh": ("第一个", "第二个", "第三个", "第四个", "第五个"),
}
LAST: dict[Language, str] = {"en": "last", "zh": "最后一个"}
_ITEM: dict[Language, str] = {"en": "The {n} one is {x}.", "zh": "{n}是{x}。"}
_NOTED: dict[Language, str] = {"en": "Noted, {n} things: {x}.", "zh": "记下了 {n} 样：{x}。"}
_COUNTED: dict[Language, str] = {"en": "You named {n} things.", "zh": "你说了 {n} 样。"}
FACT_VALUES = {"friend": "name"}


class Memory:
    """Turns about the conversation itself."""

    def __init__(self, phrases: Phrases, values: Values, noise: Noise, split: Split) -> None:
        self.facts = {fact.id: fact for fact in phrases.facts}
        self._tasks = phrases.tasks
        self._values = values
        self._noise = noise
        self._split = split

    def value(self, fact: Fact, language: Language, rng: Random) -> str:
        """A value for a fact."""
        return self._values.text(FACT_VALUES.get(fact.id, fact.id), language, rng)

    def tell(self, fact: Fact, value: str, language: Language, rng: Random) -> Turn:
        """The user tells something about himself."""
        return self._about(fact, fact.tell, fact.told, value, language, rng)

    def correct(self, fact: Fact, value: str, language: Language, rng: Random) -> Turn:
        """The user corrects what he told; `value` is the new one."""
        return self._about(fact, fact.correct, fact.corrected, value, language, rng)

    def ask(self, fact: Fact, value: str | None, language: Language, rng: Random) -> Turn:
        """The user asks for what he told; `value` None when he never did."""
        text = self._pick(fact.ask, language, rng)
        if self._split == "train":
            text = self._noise.ending(text, rng)
            if rng.random() < 0.15:
                text = text.lower()
        answered = fact.unknown if value is None else fact.answer
        return Turn(text, language, _fact_replies(fact, answered, value))

    def repeat(self, language: Language, rng: Random, longest: int = 8) -> Turn:
        """The user wants a text of at most `longest` words or characters repeated."""
        text = self._values.phrase(language, rng, longest)
        ask = fill(self._pick(self._tasks["repeat"], language, rng), x=text)
        return Turn(ask, language, same_reply(text, {"answer": text}))

    def named(self, language: Language, rng: Random) -> tuple[Turn, tuple[str, ...]]:
        """The user names two to five things; the things are returned too."""
        kind = rng.choice(("product", "food", "drink", "city", "name"))
        things: dict[str, None] = {}
        count = rng.randint(2, 5)
        while len(things) < count:
            things[self._values.text(kind, language, rng)] = None
        items = tuple(things)
        ask = fill(self._pick(self._tasks["list_tell"], language, rng), x=enumerated(items, language))
        texts = {other: fill(_NOTED[other], n=str(count), x=enumerated(items, other)) for other in LANGUAGES}
        as_json = {"items": list(items)}
        return Turn(ask, language, one_reply(texts, {"en": as_json, "zh": as_json})), items

    def item(self, items: dict[Language, tuple[str, ...]], language: Language, rng: Random) -> Turn:
        """The user asks for the second one, the last one, ... of what was named before, by him or in an answer."""
        length = len(items[language])
        place = rng.randrange(min(length, len(ORDINALS["en"])))
        words = LAST if place == length - 1 and rng.random() < 0.6 else {key: ORDINALS[key][place] for key in LANGUAGES}
        ask = capitalized(fill(self._pick(self._tasks["second_of"], language, rng), n=words[language]))
        texts = {key: fill(_ITEM[key], n=words[key], x=items[key][place]) for key in LANGUAGES}
        return Turn(ask, language, one_reply(texts, {key: {"item": items[key][place]} for key in LANGUAGES}))

    def count(self, items: tuple[str, ...], language: Language, rng: Random) -> Turn:
        """The user asks how many things he named."""
        ask = self._pick(self._tasks["how_many_named"], language, rng)
        texts = {key: fill(_COUNTED[key], n=str(len(items))) for key in LANGUAGES}
        as_json = {"count": len(items)}
        return Turn(ask, language, one_reply(texts, {"en": as_json, "zh": as_json}))

    def _about(
        self, fact: Fact, asked: ByLanguage, answered: ByLanguage, value: str, language: Language, rng: Random
    ) -> Turn:
        ask = fill(capitalized(self._pick(asked, language, rng)), x=value)
        if self._split == "train":
            ask = self._noise.ending(ask, rng)
        return Turn(ask, language, _fact_replies(fact, answered, value))

    def _pick(self, texts: ByLanguage, language: Language, rng: Random) -> str:
        return rng.choice(wordings_of(texts[language], self._split))


def listed(intent: Intent) -> dict[Language, tuple[str, ...]] | None:
    """What an intent's JSON lists, if it is one list of texts."""
    if intent.json is None:
        return None
    items: dict[Language, tuple[str, ...]] = {}
    for language in LANGUAGES:
        lists = [value for value in intent.json[language].values() if isinstance(value, list)]
        if len(lists) != 1 or len(lists[0]) < 2 or not all(isinstance(item, str) for item in lists[0]):
            return None
        items[language] = tuple(lists[0])
    return items if len(items["en"]) == len(items["zh"]) else None


def _fact_replies(fact: Fact, texts: ByLanguage, value: str | None) -> dict[Language, tuple[Reply, ...]]:
    written = {key: texts[key][0] if value is None else fill(texts[key][0], x=value) for key in LANGUAGES}
    return one_reply(written, {"en": {fact.id: value}, "zh": {fact.id: value}})
