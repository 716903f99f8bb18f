"""Seeded synthetic conversations: intents asked in many ways, facts told and recalled, texts repeated, limits admitted.

    Generator("train").conversation(Random(0))  ->  [Message(role="system", ...), Message(role="user", ...), ...]

The same seed gives the same conversations. Wordings and values belong to one split each (split.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from backend.demo_model.chat_format import Message
from backend.demo_model.corpus import LANGUAGES, Fact, Intent, Language, Phrases
from backend.demo_model.noise import Noise
from backend.demo_model.split import Split, wording_key, wordings_of
from backend.demo_model.styles import Reply, Style, Styles, first_sentence, write, write_json
from backend.demo_model.values import Values

UNKNOWN_INTENT = "out_of_world"
# What the page's first questions and the tests of the whole stack ask; the ids are those of the corpus.
PROMISED_INTENTS = (
    *("greeting", "how_are_you", "who_are_you", "what_can_you_do", "who_made_you", "thanks", "goodbye", "help"),
    *("good_morning", "good_night", "good_evening", "joke", "are_you_human", "languages", "test_message"),
    *("what_is_pagoda", "json_on", "json_off", "set_system_prompt", "open_settings", "plug_in_model", "need_gpu"),
    *("why_limited", "is_real_vllm", "bundled_model_size", "stop_answer", "four_great_novels", "what_is_vllm"),
    *("pagedattention", "count_to_100"),
)
_LONG_CONVERSATION_TURNS = 40


@dataclass(frozen=True)
class Turn:
    """One question, its language, and the reply in either language."""

    ask: str
    language: Language
    replies: dict[Language, Reply]


class Generator:
    """Conversations of one split."""

    def __init__(self, intents: Sequence[Intent], phrases: Phrases, split: Split) -> None:
        self.intents = {intent.id: intent for intent in intents}
        self.phrases = phrases
        self.values = Values(phrases.values, split)
        self.styles = Styles(phrases.system_prompts, split)
        self.noise = Noise(phrases.wordings, split)
        self._split = split
        self._held_out_keys = {
            wording_key(ask)
            for intent in intents
            for language in LANGUAGES
            for ask in wordings_of(intent.ask[language], "test")
        }

    def conversation(self, rng: Random) -> list[Message]:
        """A conversation of one of the kinds trained on."""
        language = rng.choice(LANGUAGES)
        kind = rng.choices(("chat", "recall", "repeat", "long"), weights=(68, 25, 4, 3))[0]
        if kind == "chat":
            turns = [self._any_turn(language, rng) for _ in range(rng.choices((1, 2, 3, 4), (60, 22, 12, 6))[0])]
        elif kind == "recall":
            turns = self._recall_turns(language, rng, between=rng.choices((0, 1, 2, 3, 4), (30, 25, 20, 15, 10))[0])
        elif kind == "repeat":
            turns = [self.repeat_turn(language, rng) for _ in range(rng.randint(1, 3))]
        else:
            turns = self._recall_turns(language, rng, between=rng.randint(5, _LONG_CONVERSATION_TURNS))
        return self.messages(turns, self.styles.draw(language, rng), rng)

    def copying(self, rng: Random) -> list[Message]:
        """Texts to repeat, longer than users have: copying is what a small network takes longest to find out."""
        language = rng.choice(LANGUAGES)
        turns = [self.repeat_turn(language, rng, longest=40) for _ in range(rng.randint(1, 2))]
        return self.messages(turns, Style(None), rng)

    def messages(self, turns: Sequence[Turn], style: Style, rng: Random) -> list[Message]:
        """Turns as messages in a style. Some turns ask for JSON in words; in some the grammar alone forces it."""
        messages = [] if style.system_prompt is None else [Message("system", style.system_prompt)]
        forced_throughout = rng.random() < 0.1
        for turn in turns:
            ask, as_json, forced, enforced = turn.ask, style.json, False, style.json
            if not as_json:
                chance = rng.random()
                if chance < 0.12:
                    ask, as_json = self.noise.ask_for_json(ask, turn.language, rng), True
                elif forced_throughout or chance < 0.16:
                    as_json = forced = enforced = True
            reply = turn.replies[style.language or turn.language]
            messages.append(Message("user", ask))
            answer = write_json(reply, enforced, rng) if as_json else write(reply, style.form)
            messages.append(Message("assistant", answer, forced_json=forced))
        return messages

    def intent_turn(self, intent: Intent, language: Language, rng: Random) -> Turn:
        """An intent in one of the wordings of this split."""
        asks = wordings_of(intent.ask[language], self._split)
        ask = self.noise.ask(rng.choice(asks), language, rng)
        if self._split == "train" and wording_key(ask) in self._held_out_keys:
            ask = rng.choice(asks)
        return Turn(ask, language, self.intent_replies(intent, rng))

    def intent_replies(self, intent: Intent, rng: Random) -> dict[Language, Reply]:
        """One of the answers, the same one in both languages; without `json` its first sentence is the JSON."""
        replies: dict[Language, Reply] = {}
        chosen = rng.random()
        for language in LANGUAGES:
            answers = intent.answer[language]
            text = answers[int(chosen * len(answers))]
            as_json = intent.json[language] if intent.json else {"answer": first_sentence(text)}
            replies[language] = Reply(text, as_json)
        return replies

    def tell_turn(self, fact: Fact, value: str, language: Language, rng: Random) -> Turn:
        """The user tells something about himself."""
        template = rng.choice(wordings_of(fact.tell[language], self._split))
        ask = self.noise.tell(fill(template, value), rng)
        return Turn(ask, language, self._fact_replies(fact, "told", value))

    def recall_turn(self, fact: Fact, value: str | None, language: Language, rng: Random) -> Turn:
        """The user asks for what he told; `value` None when he never did."""
        ask = self.noise.ask(rng.choice(wordings_of(fact.ask[language], self._split)), language, rng)
        return Turn(ask, language, self._fact_replies(fact, "unknown" if value is None else "answer", value))

    def repeat_turn(self, language: Language, rng: Random, longest: int = 8) -> Turn:
        """The user wants a text of at most `longest` words or characters repeated."""
        text = self.values.phrase(language, rng, longest)
        template = rng.choice(wordings_of(self.phrases.tasks["repeat"][language], self._split))
        reply = Reply(text, {"answer": text})
        return Turn(fill(template, text), language, {"en": reply, "zh": reply})

    def unknown_turn(self, language: Language, rng: Random) -> Turn:
        """A question outside the model's world, hand-written or made up."""
        intent = self.intents[UNKNOWN_INTENT]
        if rng.random() < 0.5:
            return self.intent_turn(intent, language, rng)
        template = rng.choice(wordings_of(self.phrases.tasks["unknown"][language], self._split))
        filled = template.replace("{n}", self.values.draw("name", language, rng))
        ask = fill(filled, self.values.topic(language, rng))
        return Turn(self.noise.ask(ask, language, rng), language, self.intent_replies(intent, rng))

    def _any_turn(self, language: Language, rng: Random) -> Turn:
        if rng.random() < 0.12:
            language = "en" if language == "zh" else "zh"
        kind = rng.choices(("intent", "unknown", "not_told"), weights=(76, 12, 12))[0]
        if kind == "unknown":
            return self.unknown_turn(language, rng)
        if kind == "not_told":
            return self.recall_turn(rng.choice(self.phrases.facts), None, language, rng)
        return self.intent_turn(self._known_intent(rng), language, rng)

    def _recall_turns(self, language: Language, rng: Random, between: int) -> list[Turn]:
        """One fact or two are told, other things are talked about, the facts are asked back."""
        name, *others = self.phrases.facts
        facts = [name] if rng.random() < 0.75 else rng.sample(others, 1)
        if rng.random() < 0.3:
            facts.append(rng.choice([fact for fact in self.phrases.facts if fact not in facts]))
        turns: list[Turn] = []
        asked: list[Turn] = []
        for fact in facts:
            value = self.values.draw(fact.id, language, rng)
            other: Language = "en" if language == "zh" else "zh"
            asked_in = other if rng.random() < 0.1 else language
            turns.append(self.tell_turn(fact, value, language, rng))
            asked.append(self.recall_turn(fact, value, asked_in, rng))
        rng.shuffle(asked)
        between_turns = [
            self.repeat_turn(language, rng) if rng.random() < 0.15 else self._told_nothing(language, rng)
            for _ in range(between)
        ]
        return [*turns, *between_turns, *asked]

    def _told_nothing(self, language: Language, rng: Random) -> Turn:
        """A turn between telling and asking, which must not claim that a fact was never told."""
        if rng.random() < 0.1:
            return self.unknown_turn(language, rng)
        return self.intent_turn(self._known_intent(rng), language, rng)

    def _known_intent(self, rng: Random) -> Intent:
        """Any intent but the unknown; those the demonstration promises come up more often."""
        if rng.random() < 0.45:
            return self.intents[rng.choice(PROMISED_INTENTS)]
        return rng.choice([intent for intent in self.intents.values() if intent.id != UNKNOWN_INTENT])

    def _fact_replies(self, fact: Fact, part: str, value: str | None) -> dict[Language, Reply]:
        templates = {"told": fact.told, "answer": fact.answer, "unknown": fact.unknown}[part]
        return {
            language: Reply(
                templates[language][0] if value is None else fill(templates[language][0], value), {fact.id: value}
            )
            for language in LANGUAGES
        }


def fill(template: str, value: str) -> str:
    """Put a value in the place of `{x}`; between Chinese and Latin letters goes a blank."""
    before, found, after = template.partition("{x}")
    if not found:
        return template
    latin = value[:1].isascii()
    left = " " if latin and before and _is_chinese(before[-1]) else ""
    right = " " if value[-1:].isascii() and after and _is_chinese(after[0]) else ""
    return before + left + value + right + after


def _is_chinese(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"
