"""Changes to a question that keep its meaning: another wording of the same kind ("What is X?", "Tell me about X"),
synonyms, openers, closers, case, punctuation, a lost letter or word, and asking in words for JSON.
"""

from __future__ import annotations

import re
from random import Random

from backend.demo_model.phrases import Phrases
from backend.demo_model.reading import LANGUAGES, Language
from backend.demo_model.split import Split, wordings_of

_ENDINGS = "?.!？。！"
_SAME = ("same_what_is", "same_how_to")
_BLANK_BESIDE_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[0-9A-Za-z])|(?<=[0-9A-Za-z]) (?=[\u4e00-\u9fff])")


class Noise:
    """Changes questions, with wordings of one split."""

    def __init__(self, phrases: Phrases, split: Split) -> None:
        self._wordings = {
            kind: {language: wordings_of(texts, split) for language, texts in by_language.items()}
            for kind, by_language in phrases.wordings.items()
        }
        self._groups = {
            language: {word.lower(): group for group in phrases.synonyms[language] for word in group}
            for language in LANGUAGES
        }
        self._words = {
            "en": re.compile(r"\b(" + _any(self._groups["en"]) + r")\b", re.IGNORECASE),
            "zh": re.compile("(" + _any(self._groups["zh"]) + ")", re.IGNORECASE),
        }

    def ask(self, text: str, language: Language, rng: Random) -> str:
        """A question as someone might have typed it."""
        if rng.random() < 0.3:
            text = self._other_wording(text, language, rng)
        if rng.random() < 0.35:
            text = self._synonyms(text, language, rng)
        if rng.random() < 0.12:
            text = rng.choice(self._wordings["openers"][language]) + text
        if rng.random() < 0.07:
            text = text.rstrip(_ENDINGS) + rng.choice(self._wordings["closers"][language])
        text = self.ending(text, rng)
        if rng.random() < 0.2:
            text = text.lower()
        return self._loss(text, language, rng) if rng.random() < 0.2 else text

    def ending(self, text: str, rng: Random) -> str:
        """With or without its question mark or full stop, and the blanks between Chinese and other characters."""
        if rng.random() < 0.3:
            text = _BLANK_BESIDE_CHINESE.sub("", text)
        chance = rng.random()
        if chance < 0.25:
            return text.rstrip(_ENDINGS)
        if chance < 0.28 and text[-1] in _ENDINGS:
            return text + text[-1]
        return text

    def ask_for_json(self, text: str, language: Language, rng: Random) -> str:
        """The question with the wish for JSON around it."""
        template = rng.choice(self._wordings["as_json"][language])
        bare = text if template.endswith("{ask}") else text.rstrip("。")
        return template.replace("{ask}", bare)

    def _loss(self, text: str, language: Language, rng: Random) -> str:
        """With a letter lost or doubled, or a word or two lost."""
        if len(text) > 8 and rng.random() < 0.5:
            place = rng.randrange(1, len(text) - 1)
            again = text[place] if rng.random() < 0.3 else ""
            return text[:place] + again * 2 + text[place + 1 :]
        words = text.split(" ") if language == "en" else list(text)
        for _ in range(rng.choice((1, 1, 2))):
            if len(words) > 5:
                del words[rng.randrange(len(words))]
        return (" " if language == "en" else "").join(words)

    def _synonyms(self, text: str, language: Language, rng: Random) -> str:
        """With some words replaced by others of their group."""

        def other(found: re.Match[str]) -> str:
            if rng.random() < 0.4:
                return found[0]
            return rng.choice(self._groups[language][found[0].lower()])

        changed = self._words[language].sub(other, text)
        return changed[:1].upper() + changed[1:] if text[:1].isupper() else changed

    def _other_wording(self, text: str, language: Language, rng: Random) -> str:
        """The question in another wording of the group it belongs to; as it is when it belongs to none."""
        bare = text.rstrip(_ENDINGS)
        for kind in _SAME:
            wordings = self._wordings[kind][language]
            for wording in wordings:
                before, _, after = wording.rstrip(_ENDINGS).partition("{x}")
                if len(before) + len(after) < 2 or len(bare) <= len(before) + len(after):
                    continue
                if bare.lower().startswith(before.lower()) and bare.lower().endswith(after.lower()):
                    subject = bare[len(before) : len(bare) - len(after)].strip()
                    return rng.choice(wordings).replace("{x}", subject)
        return text


def _any(words: dict[str, tuple[str, ...]]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
