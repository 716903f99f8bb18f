"""System prompts of one split, and what they ask for: language, form, persona, a name, JSON."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from backend.demo_model.phrases import Phrases
from backend.demo_model.reading import Language
from backend.demo_model.split import Split, wordings_of
from backend.demo_model.texts import fill
from backend.demo_model.turns import Form, Style
from backend.demo_model.values import Values

_FORMS: dict[str, Form] = {"concise": "concise", "list": "list", "table": "table"}
# what is asked of an answer, and how often of a hundred; `+` joins two wishes
_KINDS = {
    "none": 25,
    "assistant": 24,
    "unrelated": 4,
    "concise": 7,
    "list": 5,
    "table": 5,
    "language": 11,
    "persona": 9,
    "name": 6,
    "name+language": 1,
    "concise+language": 2,
    "persona+language": 1,
}


class Styles:
    """Draws styles, with system prompts of one split."""

    def __init__(self, phrases: Phrases, values: Values, split: Split) -> None:
        self._values = values
        self._split = split
        self._personas = phrases.personas
        self._prompts = phrases.system_prompts
        self._persona_prompts = {
            (persona.id, language): (
                *(type(text)(fill(text, x=persona.noun[language])) for text in self._prompts["persona"][language]),
                *persona.prompts[language],
            )
            for persona in phrases.personas
            for language in persona.noun
        }

    def prompt(self, kind: str, language: Language, rng: Random) -> str:
        """A system prompt of one kind; the first, the app's own preset, is trained on often and never tested."""
        preset, *others = self._prompts[kind][language]
        if self._split == "train" and rng.random() < 0.25:
            return preset
        return self._cased(rng.choice(wordings_of(tuple(others), self._split)), rng)

    def draw(self, language: Language, rng: Random) -> Style:
        """A style for a conversation held mostly in `language`."""
        prompt_language: Language = language
        if rng.random() < 0.15:
            prompt_language = "en" if language == "zh" else "zh"
        kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
        style = self.style(kind, prompt_language, rng, as_json=rng.random() < 0.12)
        if kind in ("language", "persona", "name") and rng.random() < 0.2:
            other = self.prompt(rng.choice(("assistant", "unrelated")), prompt_language, rng)
            joined = [other, style.system_prompt or ""]
            rng.shuffle(joined)
            return replace(style, system_prompt=" ".join(joined))
        return style

    def style(self, kind: str, language: Language, rng: Random, as_json: bool = False) -> Style:
        """A style of a kind, its system prompt in `language`; `as_json` adds the line of the JSON switch."""
        parts: list[str] = []
        wished: dict[str, object] = {}
        for wish in kind.split("+"):
            if wish == "none":
                continue
            if wish == "language":
                wished["language"] = target = rng.choice(("en", "zh"))
                parts.append(self.prompt(f"answer_in_{target}", language, rng))
            elif wish == "persona":
                wished["persona"] = persona = rng.choice(self._personas)
                prompts = wordings_of(self._persona_prompts[persona.id, language], self._split)
                parts.append(self._cased(rng.choice(prompts), rng))
            elif wish == "name":
                wished["name"] = name = self._values.text("name", language, rng)
                parts.append(fill(self.prompt("name", language, rng), x=name))
            else:
                parts.append(self.prompt(wish, language, rng))
                wished["form"] = _FORMS.get(wish, "plain")
        text = " ".join(parts) or None
        if as_json:
            line = self.prompt("json", language, rng)
            text = line if text is None else text + rng.choice(("\n", "\n", "\n\n", " ")) + line
        return Style(system_prompt=text, json=as_json, **wished)  # type: ignore[arg-type]

    def _cased(self, text: str, rng: Random) -> str:
        """In training now and then without its full stop or in lower case, never as a held-out wording."""
        if self._split == "train" and rng.random() < 0.15:
            text = text.rstrip("。.")
        if self._split == "train" and rng.random() < 0.08 and "{" not in text:
            text = text.lower()
        return text
