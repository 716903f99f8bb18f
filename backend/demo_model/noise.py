"""Changes to a question that keep its meaning: another wording of the same kind ("What is X?", "Tell me about X"),
openers, closers, case, punctuation, a lost letter or word, and asking in words for JSON.
"""

from __future__ import annotations

from random import Random

from backend.demo_model.corpus import ByLanguage, Language
from backend.demo_model.split import Split, wordings_of

_ENDINGS = "?.!？。！"
_SAME = ("same_what_is", "same_how_to")


class Noise:
    """Changes questions with wordings of one split."""

    def __init__(self, wordings: dict[str, ByLanguage], split: Split) -> None:
        self._wordings = {
            kind: {language: wordings_of(texts, split) for language, texts in by_language.items()}
            for kind, by_language in wordings.items()
        }

    def ask(self, text: str, language: Language, rng: Random) -> str:
        """A question as someone might have typed it."""
        if rng.random() < 0.3:
            text = self._other_wording(text, language, rng)
        if rng.random() < 0.1:
            text = rng.choice(self._wordings["openers"][language]) + text
        if rng.random() < 0.05:
            text = text.rstrip(_ENDINGS) + rng.choice(self._wordings["closers"][language])
        text = self._ending(text, rng)
        if rng.random() < 0.15:
            text = text.lower()
        if len(text) > 8 and rng.random() < 0.06:
            place = rng.randrange(1, len(text) - 1)
            text = text[:place] + text[place + 1 :]
        words = text.split(" ")
        if len(words) > 4 and rng.random() < 0.06:
            del words[rng.randrange(len(words))]
            text = " ".join(words)
        return text

    def tell(self, text: str, rng: Random) -> str:
        """A statement with or without its full stop; the value in it stays as it is."""
        return self._ending(text, rng)

    def ask_for_json(self, text: str, language: Language, rng: Random) -> str:
        """The question with the wish for JSON around it."""
        template = rng.choice(self._wordings["as_json"][language])
        bare = text if template.endswith("{ask}") else text.rstrip("。")
        return template.replace("{ask}", bare)

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

    @staticmethod
    def _ending(text: str, rng: Random) -> str:
        chance = rng.random()
        if chance < 0.2:
            return text.rstrip(_ENDINGS)
        if chance < 0.24 and text[-1] in _ENDINGS:
            return text + text[-1]
        return text
