"""Seeded synthetic conversations of one split: every skill, in every style, alone and mixed.

    Generator("train").conversation(Random(0))  ->  [Message(role="system", ...), Message(role="user", ...), ...]

The same seed gives the same conversations. Wordings and values belong to one split each (split.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from backend.demo_model.chat_format import Message
from backend.demo_model.corpus import Intent, load_intents, load_tables
from backend.demo_model.noise import Noise
from backend.demo_model.phrases import load_phrases
from backend.demo_model.reading import Language
from backend.demo_model.skills.arithmetic import Arithmetic
from backend.demo_model.skills.extraction import Extraction
from backend.demo_model.skills.frames import Frames
from backend.demo_model.skills.memory import Memory, listed
from backend.demo_model.skills.questions import FOLLOW_UPS, UNKNOWN_INTENT, Questions, intent_replies
from backend.demo_model.split import Split
from backend.demo_model.styles import Styles
from backend.demo_model.turns import MODEL_NAME, Style, Turn, answers, write, write_json
from backend.demo_model.values import Values

# how often, of a hundred, a conversation is of each kind
_KINDS = {
    **{"chat": 45, "recall": 12, "named": 5, "repeat": 4, "long": 3},
    **{"schema": 13, "enforced": 6, "keys": 7, "formed": 5},
}
_WORD = re.compile(r"\b[a-z]{3,}\b")
_LONGEST = 30  # turns between telling and asking
_PLAIN = Style(None)


class Generator:
    """Conversations of one split."""

    def __init__(self, split: Split) -> None:
        intents = load_intents()
        self.phrases = phrases = load_phrases()
        frames = Frames([clause.wordings for scenario in phrases.scenarios for clause in scenario.clauses], split)
        common = frozenset(frames.common["en"]) if split == "train" else frozenset[str]()
        self.values = Values(phrases.values, _words(intents), common, split)
        self.styles = Styles(phrases, self.values, split)
        self.noise = Noise(phrases, split)
        self.questions = Questions(intents, load_tables(), phrases, self.values, self.noise, split)
        self.memory = Memory(phrases, self.values, self.noise, split)
        too_hard = intent_replies(self.questions.intents[UNKNOWN_INTENT])
        self.arithmetic = Arithmetic(phrases, self.noise, split, too_hard)
        self.extraction = Extraction(phrases, frames, self.values, self.styles, split)
        self._introductions = [intent for intent in intents if any(MODEL_NAME in text for text in intent.answer["en"])]
        self.lists = [(intent, items) for intent in intents if (items := listed(intent)) is not None]

    def conversation(self, rng: Random) -> list[Message]:
        """A conversation of one of the kinds trained on."""
        language: Language = rng.choice(("en", "zh"))
        kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
        if kind == "schema":
            style, turns = self.extraction.with_schema(language, rng, stated=True)
            return self.messages(turns, style, rng)
        if kind == "enforced":
            style, turns = self.extraction.with_schema(language, rng, stated=False)
            return self.messages(turns, style, rng, enforced=True)
        if kind == "keys":
            style, turns = self.extraction.with_keys(language, rng)
            return self.messages(turns, style, rng)
        if kind == "formed":
            turn, stated = self.questions.formed(language, rng), rng.random() < 0.75
            return self.messages([turn], self.extraction.formed(turn, language, rng, stated), rng, enforced=not stated)
        style = self.styles.draw(language, rng)
        if kind == "chat":
            turns = self._chat(language, style, rng)
        elif kind == "recall":
            turns = self._recall(language, rng, between=rng.choices((0, 1, 2, 3, 4), (30, 25, 20, 15, 10))[0])
        elif kind == "named":
            turns = self._named(language, rng)
        elif kind == "repeat":
            turns = [self.memory.repeat(language, rng) for _ in range(rng.randint(1, 3))]
        else:
            turns = self._recall(language, rng, between=rng.randint(5, _LONGEST))
        return self.messages(turns, style, rng)

    def copying(self, rng: Random) -> list[Message]:
        """Texts to repeat, longer than users have: copying is what a small network takes longest to find out."""
        language: Language = rng.choice(("en", "zh"))
        turns = [self.memory.repeat(language, rng, longest=40) for _ in range(rng.randint(1, 2))]
        return self.messages(turns, _PLAIN, rng)

    def messages(self, turns: Sequence[Turn], style: Style, rng: Random, enforced: bool = False) -> list[Message]:
        """Turns as messages in a style. Some turns ask for JSON in words; in some the grammar alone forces it.

        `enforced`: the server's schema forces every answer to be JSON, whatever the messages say.
        """
        messages = [] if style.system_prompt is None else [Message("system", style.system_prompt)]
        forced_throughout = enforced or rng.random() < 0.08
        chosen = 0.0
        for turn in turns:
            ask, as_json, forced = turn.ask, style.json or turn.as_json, False
            if not as_json and turn.form is None:
                chance = rng.random()
                if forced_throughout or chance < 0.04:
                    as_json = forced = True
                elif chance < 0.12 and not turn.again:
                    ask, as_json = self.noise.ask_for_json(ask, turn.language, rng), True
            if not turn.again:
                chosen = rng.random()
            replies = answers(turn, style)
            reply = replies[int(chosen * len(replies))]
            messages.append(Message("user", ask))
            by_grammar = forced or style.json or rng.random() < 0.5
            answer = write_json(reply, by_grammar, rng) if as_json else write(reply, turn, style)
            messages.append(Message("assistant", answer, forced_json=forced))
        return messages

    def _chat(self, language: Language, style: Style, rng: Random) -> list[Turn]:
        """One question or a few; a follow-up where no system prompt stands against it."""
        turns: list[Turn] = []
        for _ in range(rng.choices((1, 2, 3, 4), (62, 22, 11, 5))[0]):
            if style.name is not None and rng.random() < 0.6:
                turns.append(self.questions.intent(rng.choice(self._introductions), language, rng))
            else:
                turns.append(self._any_turn(language, rng))
            plain = style.form == "plain" and style.persona is None and style.language is None and not style.json
            if plain and not turns[-1].as_json and rng.random() < 0.15:
                asked: Language = language if rng.random() < 0.8 else turns[-1].language
                turns.append(self.questions.follow_up(turns[-1], rng.choice(FOLLOW_UPS), asked, rng))
        return turns

    def _any_turn(self, language: Language, rng: Random) -> Turn:
        if rng.random() < 0.1:
            language = "en" if language == "zh" else "zh"
        kind = rng.choices(
            ("known", "unknown", "not_told", "arithmetic", "too_large", "extract", "several"), (50, 12, 3, 14, 2, 16, 3)
        )[0]
        if kind == "unknown":
            return self.questions.unknown(language, rng)
        if kind == "not_told":
            return self.memory.ask(rng.choice(self.phrases.facts), None, language, rng)
        if kind == "arithmetic":
            return self.arithmetic.turn(language, rng)
        if kind == "too_large":
            return self.arithmetic.too_large(language, rng)
        if kind == "extract":
            return self.extraction.turn(language, rng)
        if kind == "several":
            return self.questions.several(language, rng)
        return self.questions.known(language, rng)

    def _recall(self, language: Language, rng: Random, between: int) -> list[Turn]:
        """One to three facts are told, perhaps corrected, other things are talked about, the facts are asked back."""
        name, *others = self.phrases.facts
        facts = [name] if rng.random() < 0.4 else [rng.choice(others)]
        while rng.random() < 0.35 and len(facts) < 3:
            facts.append(rng.choice([fact for fact in self.phrases.facts if fact not in facts]))
        told: list[Turn] = []
        asked: list[Turn] = []
        for fact in facts:
            value = self.memory.value(fact, language, rng)
            told.append(self.memory.tell(fact, value, language, rng))
            if rng.random() < 0.25:
                if rng.random() < 0.3:
                    told.append(self._between(language, rng))
                value = self.memory.value(fact, language, rng)
                told.append(self.memory.correct(fact, value, language, rng))
            other: Language = "en" if language == "zh" else "zh"
            asked_in = other if rng.random() < 0.1 else language
            asked.append(self.memory.ask(fact, value, asked_in, rng))
            if rng.random() < 0.12:
                value = self.memory.value(fact, language, rng)
                asked.append(self.memory.correct(fact, value, language, rng))
                asked.append(self.memory.ask(fact, value, asked_in, rng))
        if len(facts) > 1 and rng.random() < 0.2:
            untold = rng.choice([fact for fact in self.phrases.facts if fact not in facts])
            asked.append(self.memory.ask(untold, None, language, rng))
        return [*told, *(self._between(language, rng) for _ in range(between)), *asked]

    def _between(self, language: Language, rng: Random) -> Turn:
        """A turn between telling and asking, which must not claim that a fact was never told."""
        chance = rng.random()
        if chance < 0.1:
            return self.questions.unknown(language, rng)
        if chance < 0.2:
            return self.memory.repeat(language, rng)
        if chance < 0.3:
            return self.arithmetic.turn(language, rng)
        return self.questions.known(language, rng)

    def _named(self, language: Language, rng: Random) -> list[Turn]:
        """Things named by the user, or listed by an answer, and questions back about their order."""
        if rng.random() < 0.4:
            intent, lists = rng.choice(self.lists)
            first = self.questions.intent(intent, language, rng)
            return [first, *(self.memory.item(lists, language, rng) for _ in range(rng.randint(1, 2)))]
        first, items = self.memory.named(language, rng)
        between = [self._between(language, rng) for _ in range(rng.choice((0, 0, 0, 1)))]
        both: dict[Language, tuple[str, ...]] = {"en": items, "zh": items}
        asked = [self.memory.item(both, language, rng) for _ in range(rng.randint(1, 2))]
        if rng.random() < 0.2:
            asked.append(self.memory.count(items, language, rng))
        return [first, *between, *asked]


def _words(intents: Sequence[Intent]) -> tuple[str, ...]:
    """The lower-case English words of the corpus, in alphabetical order."""
    texts = (text for intent in intents for text in (*intent.ask["en"], *intent.answer["en"]))
    return tuple(sorted({word for text in texts for word in _WORD.findall(text)}))
