"""The questions the model is measured with: wordings, names and system prompts it was not trained on.

Each case is a short conversation and a check of the last answer. The same seed gives the same cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from backend.demo_model.corpus import LANGUAGES, Intent, Language
from backend.demo_model.generators import UNKNOWN_INTENT, Generator, fill
from backend.demo_model.split import Split, wordings_of
from backend.demo_model.styles import first_sentence

Check = Callable[[str], bool]
TURNS_BETWEEN = 2


@dataclass(frozen=True)
class Case:
    """User messages sent one after the other, each answered by the model; `check` judges the last answer."""

    skill: str
    language: Language
    asks: tuple[str, ...]
    check: Check
    system_prompt: str | None = None
    json_mode: bool = False


def cases(test: Generator, per_skill: int, seed: int) -> list[Case]:
    """At most `per_skill` cases for each skill and language; `test` generates from the test split."""
    rng = Random(seed)
    made: list[Case] = []
    for language in LANGUAGES:
        questions = _questions(test, language)
        for topic in dict.fromkeys(intent.topic for intent, _ in questions):
            of_topic = [(intent, ask) for intent, ask in questions if intent.topic == topic]
            skill = "limits" if of_topic[0][0].id == UNKNOWN_INTENT else f"answers: {topic}"
            made += [
                Case(skill, language, (ask,), _one_of(intent.answer[language]))
                for intent, ask in _sample(of_topic, per_skill, rng)
            ]
        known = [(intent, ask) for intent, ask in questions if intent.id != UNKNOWN_INTENT]
        made += _json_cases(test, known, language, per_skill, rng)
        made += _system_prompt_cases(test, known, language, per_skill, rng)
        made += _recall_cases(test, known, language, per_skill, rng)
    return made


def _json_cases(
    test: Generator, known: list[tuple[Intent, str]], language: Language, per_skill: int, rng: Random
) -> list[Case]:
    """JSON mode as the page uses it (a line in the system prompt), and enforced without a word about JSON."""
    line = test.phrases.system_prompts["json"][language][0]
    return [
        Case(skill, language, (ask,), _json_of(intent, language), system_prompt, json_mode=True)
        for skill, system_prompt in (("JSON mode", line), ("JSON enforced, unasked", None))
        for intent, ask in _sample(known, per_skill, rng)
    ]


def _system_prompt_cases(
    test: Generator, known: list[tuple[Intent, str]], language: Language, per_skill: int, rng: Random
) -> list[Case]:
    """The other language, one sentence, a list: asked for by system prompts of the test split."""
    other: Language = "en" if language == "zh" else "zh"
    made: list[Case] = []
    for intent, ask in _sample(known, per_skill, rng):
        prompt = rng.choice(wordings_of(test.phrases.system_prompts[f"answer_in_{other}"][language], "test"))
        made.append(Case("system prompt: language", language, (ask,), _one_of(intent.answer[other]), prompt))
    for intent, ask in _sample(known, per_skill, rng):
        prompt = rng.choice(wordings_of(test.phrases.system_prompts["concise"][language], "test"))
        short = tuple(first_sentence(answer) for answer in intent.answer[language])
        made.append(Case("system prompt: one sentence", language, (ask,), _one_of(short), prompt))
    return made


def _recall_cases(
    test: Generator, known: list[tuple[Intent, str]], language: Language, per_skill: int, rng: Random
) -> list[Case]:
    """An unseen name told, two other questions, the name asked back: in trained words, in new ones, in JSON mode."""
    fact = test.phrases.facts[0]
    line = test.phrases.system_prompts["json"][language][0]
    made: list[Case] = []
    for _ in range(per_skill):
        recalls: tuple[tuple[str, Split, str | None], ...] = (
            ("recall: name", "train", None),
            ("recall: name, new wording", "test", None),
            ("recall: name, JSON mode", "train", line),
        )
        for skill, split, prompt in recalls:
            name = test.values.real_name(language, rng)
            tell = fill(rng.choice(wordings_of(fact.tell[language], split)), name)
            ask = rng.choice(wordings_of(fact.ask[language], split))
            between = [question for _, question in rng.sample(known, TURNS_BETWEEN)]
            check = _contains(name) if prompt is None else _name_in_json(name)
            made.append(Case(skill, language, (tell, *between, ask), check, prompt, json_mode=prompt is not None))
        ask = rng.choice(wordings_of(fact.ask[language], "train"))
        made.append(Case("recall: nothing told", language, (ask,), _one_of(fact.unknown[language])))
    return made


def _questions(test: Generator, language: Language) -> list[tuple[Intent, str]]:
    return [(intent, ask) for intent in test.intents.values() for ask in wordings_of(intent.ask[language], "test")]


def _sample(questions: list[tuple[Intent, str]], count: int, rng: Random) -> list[tuple[Intent, str]]:
    return rng.sample(questions, min(count, len(questions)))


def _one_of(texts: tuple[str, ...]) -> Check:
    return lambda answer: answer.strip() in {text.strip() for text in texts}


def _contains(value: str) -> Check:
    return lambda answer: value in answer


def _json_of(intent: Intent, language: Language) -> Check:
    if intent.json:
        expected = [intent.json[language]]
    else:
        expected = [{"answer": first_sentence(text)} for text in intent.answer[language]]
    return lambda answer: _parsed(answer) in expected


def _name_in_json(name: str) -> Check:
    return lambda answer: _parsed(answer) == {"name": name}


def _parsed(answer: str) -> object:
    try:
        return json.loads(answer)
    except json.JSONDecodeError:
        return None
