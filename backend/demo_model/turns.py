"""One question and what answers it, and how a reply is written in the form asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

from backend.demo_model.phrases import Persona
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.texts import first_sentence, sentences

Form = Literal["plain", "concise", "list", "table"]
MODEL_NAME = "pagoda-demo"
_TABLE_HEAD = {"en": "| Item | Value |", "zh": "| 项目 | 内容 |"}


@dataclass(frozen=True)
class Reply:
    """The full answer to one question in one language, as text and as JSON."""

    text: str
    json: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """A question with its replies by language: several are equally right and come in the same order in both.

    `as_json`: it asks for JSON itself. `form`: it asks for a form itself. `again`: it is about the answer before.
    """

    ask: str
    language: Language
    replies: dict[Language, tuple[Reply, ...]]
    as_json: bool = False
    form: Form | None = None
    answer_language: Language | None = None
    again: bool = False


@dataclass(frozen=True)
class Style:
    """What a system prompt asks of every answer; `language` None is the language of the question."""

    system_prompt: str | None
    language: Language | None = None
    form: Form = "plain"
    json: bool = False
    persona: Persona | None = None
    name: str | None = None
    schema: dict[str, Any] | None = field(default=None, compare=False)


def one_reply(texts: dict[Language, str], as_json: dict[Language, dict[str, Any]]) -> dict[Language, tuple[Reply, ...]]:
    """A single reply in each language."""
    return {language: (Reply(texts[language], as_json[language]),) for language in LANGUAGES}


def same_reply(text: str, as_json: dict[str, Any]) -> dict[Language, tuple[Reply, ...]]:
    """A reply that is the same in both languages."""
    reply = Reply(text, as_json)
    return dict.fromkeys(LANGUAGES, (reply,))


def answers(turn: Turn, style: Style) -> list[Reply]:
    """The replies to a turn in a style, its name put in; each may be given as text or as JSON."""
    language = turn.answer_language or style.language or turn.language
    replies = turn.replies[language]
    return [_named(reply, style.name) if style.name else reply for reply in replies]


def write(reply: Reply, turn: Turn, style: Style) -> str:
    """The reply as text in the form asked for, by the persona asked for."""
    form = turn.form or style.form
    language = turn.answer_language or style.language or turn.language
    text = reply.text
    if form == "concise":
        text = first_sentence(text)
    elif form == "list":
        return "\n".join(f"- {sentence}" for sentence in sentences(text))
    elif form == "table":
        rows = "\n".join(f"| {key} | {cell(value)} |" for key, value in reply.json.items())
        return f"{_TABLE_HEAD[language]}\n|---|---|\n{rows}"
    if style.persona is not None:
        return style.persona.open[language] + text + style.persona.close[language]
    return text


def cell(value: object) -> str:
    """A JSON value as it stands in a table: texts bare, lists with commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def write_json(reply: Reply, enforced: bool, rng: Random) -> str:
    """The reply as JSON. Blanks differ between servers, so each way of setting them is seen in training.

    Enforcing JSON without free white space, vLLM 0.32 (xgrammar 0.2.8) allows `, ` and `:` alone, later ones `,` and
    `:`. Asked for in words, JSON is best written as Python's json writes it.
    """
    separators = rng.choices(((", ", ":"), (",", ":"), (", ", ": ")), (85, 7, 8) if enforced else (15, 3, 82))[0]
    return json.dumps(reply.json, ensure_ascii=False, separators=separators)


def _named(reply: Reply, name: str) -> Reply:
    if MODEL_NAME not in reply.text:
        return reply
    as_json = json.loads(json.dumps(reply.json).replace(MODEL_NAME, json.dumps(name)[1:-1]))
    return replace(reply, text=reply.text.replace(MODEL_NAME, name), json=as_json)
