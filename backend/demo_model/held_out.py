"""The conversations the model is measured with: wordings, values and system prompts it was not trained on.

Each case is a conversation and a check of its last answer. Everything is drawn from the test split by the generators
that made the training data of the other; the same seed gives the same cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from backend.demo_model.generators import Generator
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.skills.questions import FOLLOW_UPS, UNKNOWN_INTENT
from backend.demo_model.split import wordings_of
from backend.demo_model.turns import Style, Turn, answers, write

Check = Callable[[str], bool]
JSON_OBJECT: dict[str, Any] = {"type": "json_object"}
TURNS_BETWEEN = 2
NAMED_INTENTS = ("greeting", "who_are_you")
_PLAIN = Style(None)


@dataclass(frozen=True)
class Case:
    """User messages sent one after the other, each answered by the model; `right` judges the last answer.

    `group` is what the goals are set for, `skill` a part of it. `schema`: what the last answer has to be valid against.
    `expected`: the texts that would be right, where the check is for just these.
    """

    group: str
    skill: str
    language: Language
    asks: tuple[str, ...]
    right: Check
    system_prompt: str | None = None
    response_format: dict[str, Any] | None = None
    schema: dict[str, Any] | None = None
    expected: tuple[str, ...] = ()


def cases(test: Generator, per_skill: int, seed: int) -> list[Case]:
    """About `per_skill` cases for each skill and language; `test` generates from the test split."""
    made: list[Case] = []
    for language in LANGUAGES:
        rng = Random(f"{seed}/{language}")
        for part in (_questions, _json, _system_prompts, _conversation, _arithmetic):
            made += part(test, language, per_skill, rng)
    return made


def _questions(test: Generator, language: Language, count: int, rng: Random) -> Iterator[Case]:
    """Each topic of the corpus in unseen wordings (home and knowledge thrice as many), and what lies outside."""
    topics = {"home": 3, "knowledge": 3, "small_talk": 1, "lists": 1, "showcase": 1}
    for topic, times in topics.items():
        asked = [
            (intent, ask)
            for intent in test.questions.intents.values()
            if intent.topic == topic
            for ask in wordings_of(intent.ask[language], "test")
        ]
        for intent, _ in rng.sample(asked, min(len(asked), count * times)):
            turn = test.questions.intent(intent, language, rng)
            yield _text_case(topic, topic, language, [turn], _PLAIN)
    for _ in range(count * 2):
        yield _text_case("limits", "limits", language, [test.questions.unknown(language, rng)], _PLAIN)
    for _ in range(count // 4):
        yield _text_case(
            "limits", "limits: sums too large", language, [test.arithmetic.too_large(language, rng)], _PLAIN
        )


def _json(test: Generator, language: Language, count: int, rng: Random) -> Iterator[Case]:
    """JSON as the switch asks for it, by request, and under a schema that the system prompt states or not."""
    line = Style(test.phrases.system_prompts["json"][language][0], json=True)
    for topic in ("home", "knowledge", "showcase"):
        of_topic = [intent for intent in test.questions.intents.values() if intent.topic == topic]
        for _ in range(count // 2):
            turn = test.questions.intent(rng.choice(of_topic), language, rng)
            yield _json_case("JSON mode", f"JSON mode: {topic}", language, [turn], line, JSON_OBJECT)
    for _ in range(count // 2):
        turn = test.questions.several(language, rng)
        yield _json_case("JSON mode", "JSON mode: array of objects", language, [turn], line, JSON_OBJECT)
    for kind in ("all", "fields", "keys", "described"):
        for _ in range(count // 2):
            turn = test.extraction.extract(kind, language, rng)
            yield _json_case("extraction", f"extraction: {kind}", language, [turn], _PLAIN, JSON_OBJECT)
    for name in ("sentiment", "urgency", "category"):
        for _ in range(count // 2):
            turn = test.extraction.classify(name, language, rng)
            yield _json_case("classification", f"classification: {name}", language, [turn], line, JSON_OBJECT)
    for skill, stated in (("schema: in the prompt too", True), ("schema: of the server alone", False)):
        for _ in range(count):
            style, turns = test.extraction.with_schema(language, rng, stated)
            enforced = {"type": "json_schema", "json_schema": {"name": "answer", "schema": style.schema}}
            yield _json_case("schema", skill, language, turns, style, enforced)
    for _ in range(count):
        style, turns = test.extraction.with_keys(language, rng)
        yield _json_case("schema", "schema: keys in the prompt", language, turns, style, JSON_OBJECT)


def _system_prompts(test: Generator, language: Language, count: int, rng: Random) -> Iterator[Case]:
    """A system prompt of the test split, and a question in an unseen wording."""
    for kind in ("language", "concise", "list", "table", "persona", "name"):
        for _ in range(count):
            style = test.styles.style(kind, language, rng)
            intent = test.questions.draw(rng)
            if kind == "name":
                intent = test.questions.intents[rng.choice(NAMED_INTENTS)]
            turn = test.questions.intent(intent, language, rng)
            yield _text_case("system prompt", f"system prompt: {kind}", language, [turn], style)
    for _ in range(count):
        style = Style(test.styles.prompt("json", language, rng), json=True)
        yield _json_case(
            "system prompt", "system prompt: JSON", language, [test.questions.known(language, rng)], style, None
        )


def _conversation(test: Generator, language: Language, count: int, rng: Random) -> Iterator[Case]:
    """Facts told, corrected and asked back, things named in an order, follow-ups, and what was never told."""
    memory = test.memory
    for skill in ("told", "corrected", "not told"):
        for _ in range(count):
            fact = rng.choice(test.phrases.facts)
            value: str | None = memory.value(fact, language, rng)
            turns = [memory.tell(fact, str(value), language, rng)]
            if skill == "corrected":
                value = memory.value(fact, language, rng)
                turns.append(memory.correct(fact, value, language, rng))
            if skill == "not told":
                value, turns = None, []
            turns += [test.questions.known(language, rng) for _ in range(TURNS_BETWEEN)]
            turns.append(memory.ask(fact, value, language, rng))
            if value is None:
                yield _text_case("recall", f"recall: {skill}", language, turns, _PLAIN)
            else:
                yield Case("recall", f"recall: {skill}", language, _asks(turns), _holds(value))
    for number in range(count):
        if number % 2:
            intent, lists_of = rng.choice(test.lists)
            turns = [test.questions.intent(intent, language, rng), memory.item(lists_of, language, rng)]
        else:
            first, named = memory.named(language, rng)
            turns = [first, memory.item({"en": named, "zh": named}, language, rng)]
        yield _text_case("recall", "recall: the second one", language, turns, _PLAIN)
    for number in range(count):
        before = test.questions.known(language, rng)
        turn = test.questions.follow_up(before, FOLLOW_UPS[number % len(FOLLOW_UPS)], language, rng)
        make = _json_case if turn.as_json else _text_case
        yield make("follow-up", "follow-up", language, [before, turn], _PLAIN)
    for _ in range(count):
        yield _text_case("repeat", "repeat", language, [memory.repeat(language, rng)], _PLAIN)


def _arithmetic(test: Generator, language: Language, count: int, rng: Random) -> Iterator[Case]:
    for operation in ("add", "subtract", "multiply", "divide", "convert"):
        for _ in range(count):
            turn = test.arithmetic.of(operation, language, rng)
            yield _text_case("arithmetic", f"arithmetic: {operation}", language, [turn], _PLAIN)


def limits(test: Generator) -> set[str]:
    """The sentences that admit a limit, in both languages."""
    unknown = test.questions.intents[UNKNOWN_INTENT]
    return {text for language in LANGUAGES for text in unknown.answer[language]}


def _text_case(group: str, skill: str, language: Language, turns: list[Turn], style: Style) -> Case:
    expected = {write(reply, turns[-1], style).strip() for reply in answers(turns[-1], style)}
    return Case(
        group,
        skill,
        language,
        _asks(turns),
        lambda answer: answer.strip() in expected,
        style.system_prompt,
        expected=tuple(sorted(expected)),
    )


def _json_case(
    group: str,
    skill: str,
    language: Language,
    turns: list[Turn],
    style: Style,
    response_format: dict[str, Any] | None = None,
) -> Case:
    expected = [reply.json for reply in answers(turns[-1], style)]

    def right(answer: str) -> bool:
        try:
            return json.loads(answer) in expected
        except json.JSONDecodeError:
            return False

    return Case(group, skill, language, _asks(turns), right, style.system_prompt, response_format, style.schema)


def _asks(turns: list[Turn]) -> tuple[str, ...]:
    return tuple(turn.ask for turn in turns)


def _holds(value: str) -> Check:
    return lambda answer: value in answer
