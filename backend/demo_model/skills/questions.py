"""Intents asked in many ways, questions outside the model's world, and follow-ups to the answer before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from backend.demo_model.corpus import Intent, Table, row_json
from backend.demo_model.noise import Noise
from backend.demo_model.phrases import Phrases
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.split import Split, wording_key, wordings_of
from backend.demo_model.texts import capitalized, enumerated, fill, first_sentence
from backend.demo_model.turns import Form, Reply, Turn
from backend.demo_model.values import Values

UNKNOWN_INTENT = "out_of_world"
# What the page's first questions and the tests of the whole stack ask; the ids are those of the corpus.
PROMISED_INTENTS = (
    *("greeting", "how_are_you", "who_are_you", "what_can_you_do", "who_made_you", "thanks", "goodbye", "help"),
    *("what_is_pagoda", "json_on", "set_system_prompt", "plug_in_model", "need_gpu", "which_gpu", "pagedattention"),
    *("why_limited", "is_real_vllm", "stop_answer", "four_great_novels", "what_is_vllm", "count_to_100"),
)
_TOPIC_WEIGHTS = {"home": 46, "knowledge": 24, "small_talk": 14, "lists": 6, "showcase": 8, "long": 2}
_FORMS: dict[str, Form] = {"shorter": "concise", "as_list": "list", "as_table": "table"}
FOLLOW_UPS = ("in_en", "in_zh", "shorter", "as_json", "as_list", "as_table")


class Questions:
    """Turns that ask for what the corpus knows, or for what it does not."""

    def __init__(
        self,
        intents: Sequence[Intent],
        tables: Sequence[Table],
        phrases: Phrases,
        values: Values,
        noise: Noise,
        split: Split,
    ) -> None:
        self.intents = {intent.id: intent for intent in intents}
        self._tables = tables
        self._phrases = phrases
        self._values = values
        self._noise = noise
        self._split = split
        self._by_topic: defaultdict[str, list[Intent]] = defaultdict(list)
        for intent in intents:
            if intent.id != UNKNOWN_INTENT:
                self._by_topic[intent.topic].append(intent)
        self._documents = [
            *self._by_topic["showcase"],
            *(self.intents[name] for name in PROMISED_INTENTS if _is_document(self.intents[name])),
        ]
        self._held_out = {
            wording_key(ask)
            for intent in intents
            for language in LANGUAGES
            for ask in wordings_of(intent.ask[language], "test")
        }

    def known(self, language: Language, rng: Random) -> Turn:
        """A question the corpus answers; those the demonstration promises come up more often."""
        return self.intent(self.draw(rng), language, rng)

    def draw(self, rng: Random) -> Intent:
        """An intent the corpus answers."""
        if rng.random() < 0.1:
            return self.intents[rng.choice(PROMISED_INTENTS)]
        topic = rng.choices(list(_TOPIC_WEIGHTS), list(_TOPIC_WEIGHTS.values()))[0]
        return rng.choice(self._by_topic[topic])

    def intent(self, intent: Intent, language: Language, rng: Random) -> Turn:
        """An intent in one of the wordings of this split."""
        asks = wordings_of(intent.ask[language], self._split)
        ask = rng.choice(asks)
        if self._split == "train":
            ask = self._unless_held_out(self._noise.ask(ask, language, rng), ask)
        return Turn(ask, language, intent_replies(intent))

    def formed(self, language: Language, rng: Random) -> Turn:
        """A question whose answer is a document with a form of its own, or a list of the corpus."""
        return self.intent(rng.choice(self._documents), language, rng)

    def unknown(self, language: Language, rng: Random) -> Turn:
        """A question outside the model's world: hand-written, made up, or a table asked for what it does not hold."""
        intent = self.intents[UNKNOWN_INTENT]
        chance = rng.random()
        if chance < 0.5:
            return self.intent(intent, language, rng)
        if chance < 0.8:
            template = rng.choice(wordings_of(self._phrases.tasks["unknown"][language], self._split))
            subject = self._values.topic(language, rng)
            ask = fill(template, x=subject, n=self._values.text("name", language, rng))
        else:
            ask = self._near_miss(language, rng)
        if self._split == "train":
            ask = self._unless_held_out(self._noise.ask(ask, language, rng), ask)
        return Turn(ask, language, intent_replies(intent))

    def follow_up(self, before: Turn, kind: str, language: Language, rng: Random) -> Turn:
        """The answer before once more: in another language or form."""
        ask = rng.choice(wordings_of(self._phrases.tasks[kind][language], self._split))
        if self._split == "train":
            ask = self._noise.ending(ask, rng)
        answer_language: Language = {"in_en": "en", "in_zh": "zh"}.get(kind, before.language)  # type: ignore[assignment]
        return Turn(
            ask,
            language,
            before.replies,
            as_json=kind == "as_json",
            form=_FORMS.get(kind),
            answer_language=answer_language,
            again=True,
        )

    def several(self, language: Language, rng: Random) -> Turn:
        """Two to four rows of a table asked for at once, which as JSON are an array of objects."""
        table = rng.choice(self._tables)
        question = table.questions[0]
        rows = rng.sample(table.rows, min(len(table.rows), rng.randint(2, 4)))
        given = next(key for key in table.keys if "{" + key + "}" in question.ask[language][0])
        templates = [text for text in wordings_of(question.ask[language], self._split) if text.count("{") == 1]
        ask = capitalized(
            fill(rng.choice(templates), **{given: enumerated([row[language][given] for row in rows], language)})
        )
        replies: dict[Language, tuple[Reply, ...]] = {
            other: (
                Reply(
                    " ".join(capitalized(first_sentence(fill(question.answer[other][0], **row[other]))) for row in rows)
                    if other == "en"
                    else "".join(first_sentence(fill(question.answer[other][0], **row[other])) for row in rows),
                    {"items": [row_json(row[other], question.json) for row in rows]},
                ),
            )
            for other in LANGUAGES
        }
        return Turn(ask, language, replies)

    def _near_miss(self, language: Language, rng: Random) -> str:
        table = rng.choice(self._tables)
        question = rng.choice(table.questions)
        template = rng.choice(wordings_of(question.ask[language], self._split))
        return capitalized(fill(template, **{key: self._values.made_up(language, rng) for key in table.keys}))

    def _unless_held_out(self, changed: str, original: str) -> str:
        return original if wording_key(changed) in self._held_out else changed


def intent_replies(intent: Intent) -> dict[Language, tuple[Reply, ...]]:
    """The answers, the same ones in both languages; without `json` the first sentence is the JSON."""
    return {
        language: tuple(
            Reply(text, intent.json[language] if intent.json else {"answer": first_sentence(text)})
            for text in intent.answer[language]
        )
        for language in LANGUAGES
    }


def _is_document(intent: Intent) -> bool:
    """Whether the JSON answer holds a list of objects."""
    values = intent.json["en"].values() if intent.json else ()
    return any(isinstance(value, list) and isinstance(value[0], dict) for value in values)
