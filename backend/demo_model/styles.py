"""How an answer is given: the language, form and system prompt asked for, and the text that follows from them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from backend.demo_model.corpus import ByLanguage, Language
from backend.demo_model.split import Split, wordings_of

Form = Literal["plain", "concise", "list"]
_SENTENCE_END = re.compile(r"(?<=[。！？])(?=.)|(?<=[.!?])\s+(?=[A-Z\d])")


@dataclass(frozen=True)
class Style:
    """What a system prompt asks of every answer; `language` None is the language of the question."""

    system_prompt: str | None
    language: Language | None = None
    form: Form = "plain"
    json: bool = False


@dataclass(frozen=True)
class Reply:
    """The full answer to one question in one language, as text and as a JSON object."""

    text: str
    json: dict[str, Any]


def sentences(text: str) -> list[str]:
    """Split at the ends of Chinese or English sentences."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def first_sentence(text: str) -> str:
    """The short form of an answer."""
    return sentences(text)[0]


def write(reply: Reply, form: Form) -> str:
    """The reply as text in the form asked for."""
    if form == "concise":
        return first_sentence(reply.text)
    if form == "list":
        return "\n".join(f"- {sentence}" for sentence in sentences(reply.text))
    return reply.text


def write_json(reply: Reply, enforced: bool, rng: Random) -> str:
    """The reply as JSON. Blanks differ between servers, so each way of setting them is seen in training.

    Enforcing JSON without free white space, vLLM 0.32 (xgrammar 0.2.8) allows `, ` and `:` alone, later ones `,` and
    `:`. Asked for in words, JSON is best written as Python's json writes it.
    """
    separators = rng.choices(((", ", ":"), (",", ":"), (", ", ": ")), (80, 10, 10) if enforced else (25, 5, 70))[0]
    return json.dumps(reply.json, ensure_ascii=False, separators=separators)


class Styles:
    """Draws styles, with system prompts of one split."""

    def __init__(self, system_prompts: dict[str, ByLanguage], split: Split) -> None:
        self._prompts = {
            kind: {language: wordings_of(texts, split) for language, texts in by_language.items()}
            for kind, by_language in system_prompts.items()
        }

    def prompt(self, kind: str, language: Language, rng: Random) -> str:
        """A system prompt of one kind; in training the app's own preset comes up often."""
        prompts = self._prompts[kind][language]
        return prompts[0] if rng.random() < 0.4 else rng.choice(prompts)

    def draw(self, language: Language, rng: Random) -> Style:
        """A style for a conversation held mostly in `language`."""
        if rng.random() < 0.15:
            language = "en" if language == "zh" else "zh"
        kind = rng.choices(
            ("none", "assistant", "unrelated", "concise", "list", "answer_in_en", "answer_in_zh"),
            weights=(22, 28, 4, 6, 4, 18, 18),
        )[0]
        text = None if kind == "none" else self.prompt(kind, language, rng)
        if kind.startswith("answer_in") and rng.random() < 0.15:
            other = self.prompt(rng.choice(("assistant", "unrelated")), language, rng)
            text = f"{other} {text}" if rng.random() < 0.5 else f"{text} {other}"
        as_json = rng.random() < 0.15
        if as_json:
            line = self.prompt("json", language, rng)
            text = line if text is None else text + rng.choice(("\n", "\n", "\n\n", " ")) + line
        return Style(
            system_prompt=text,
            language="en" if kind == "answer_in_en" else "zh" if kind == "answer_in_zh" else None,
            form="concise" if kind == "concise" else "list" if kind == "list" else "plain",
            json=as_json,
        )
