"""Short texts put together from clauses, what they state, and requests to take it out as JSON.

A request names fields in words, gives keys, gives keys with descriptions, gives a JSON Schema in the system prompt, or
says nothing of JSON because the server's constraint will enforce it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from backend.demo_model.phrases import Clause, Phrases, Scenario
from backend.demo_model.reading import Language
from backend.demo_model.skills.frames import Frames
from backend.demo_model.skills.slots import Slot, answers_all, grouped, named_keys, schema_like, schema_of, value_of
from backend.demo_model.split import Split, value_split, wordings_of
from backend.demo_model.styles import Styles
from backend.demo_model.texts import capitalized, enumerated, fill
from backend.demo_model.turns import Style, Turn, one_reply, same_reply
from backend.demo_model.values import Values

CLASSES = ("sentiment", "urgency", "category")


@dataclass(frozen=True)
class Document:
    """A text and what it states: a value per field, under a `repeat` name a list of such."""

    scenario: Scenario
    text: str
    facts: dict[str, Any]


class Extraction:
    """Turns and styles of one split."""

    def __init__(self, phrases: Phrases, frames: Frames, values: Values, styles: Styles, split: Split) -> None:
        self._fields = phrases.fields
        self._scenarios = phrases.scenarios
        self._tasks = phrases.tasks
        self._frames = frames
        self._values = values
        self._styles = styles
        self._split = split

    def document(self, language: Language, rng: Random, scenario: Scenario | None = None) -> Document:
        """A text of a random scenario, or of the one given."""
        scenario = scenario or rng.choice(self._scenarios)
        groups: dict[str, list[Clause]] = {}
        for clause in scenario.clauses:
            groups.setdefault(clause.group, []).append(clause)
        first = [group for group, clauses in groups.items() if clauses[0].first]
        others = [group for group in groups if group not in first]
        rng.shuffle(others)
        kept = others[: rng.randint(min(len(others), 1 if first else 2), min(len(others), 4))]
        facts: dict[str, Any] = {}
        written: list[str] = []
        for group in [*first, *kept]:
            clause = rng.choice(groups[group])
            if clause.repeat is None:
                written.append(self._state(clause, facts, language, rng))
                continue
            rows: list[dict[str, Any]] = []
            for _ in range(rng.randint(2, 4)):
                row: dict[str, Any] = {}
                written.append(self._state(clause, row, language, rng))
                rows.append(row)
            facts[clause.repeat] = rows
        return Document(scenario, (" " if language == "en" else "").join(written), facts)

    def turn(self, language: Language, rng: Random) -> Turn:
        """A request for JSON in the user's own words."""
        kind = rng.choices(("all", "fields", "keys", "described", "class"), (16, 26, 18, 20, 20))[0]
        if kind == "class":
            return self.classify(rng.choice(CLASSES), language, rng)
        return self.extract(kind, language, rng)

    def extract(self, kind: str, language: Language, rng: Random) -> Turn:
        """A request of one kind: `all` the text states, `fields` in words, `keys`, or keys `described`."""
        document = self.document(language, rng)
        while not _simple(document):
            document = self.document(language, rng)
        if kind == "all":
            slots = self._slots(document, list(document.facts), language, rng, canonical=True)
            ask = self._ask("extract_all", language, rng, text=document.text)
        else:
            chosen = self._chosen(document, language, rng, most=4)
            slots = self._slots(
                document, chosen, language, rng, canonical=kind == "fields", described=kind == "described"
            )
            if kind == "fields":
                named = [rng.choice(wordings_of(self._fields[name].words[language], "train")) for name in chosen]
                ask = self._ask("extract", language, rng, fields=enumerated(named, language), text=document.text)
            else:
                keys = named_keys(slots, language)
                ask = self._ask("extract_keys", language, rng, keys=keys, text=document.text)
        return Turn(ask, language, self._replies(slots, document), as_json=True)

    def classify(self, name: str, language: Language, rng: Random) -> Turn:
        """A sentence that shows a sentiment, an urgency or a category, and the question which."""
        field = self._fields[name]
        clauses = [clause for scenario in self._scenarios for clause in scenario.clauses if name in clause.set]
        wanted = rng.choice(sorted({clause.set[name] for clause in clauses}))
        clause = rng.choice([clause for clause in clauses if clause.set[name] == wanted])
        text = self._state(clause, {}, language, rng)
        ask = self._ask(f"classify_{name}", language, rng, text=text)
        label = {key: field.values[wanted][key] for key in ("en", "zh")}
        texts: dict[Language, str] = {"en": f"It is {label['en']}.", "zh": f"{label['zh']}。"}
        return Turn(ask, language, one_reply(texts, {"en": {name: wanted}, "zh": {name: wanted}}))

    def with_schema(self, language: Language, rng: Random, stated: bool) -> tuple[Style, list[Turn]]:
        """A conversation about texts of one scenario under one schema, which the system prompt states or not."""
        document = self.document(language, rng)
        chosen = self._chosen(document, language, rng, most=6)
        described = stated and rng.random() < 0.75
        slots = self._slots(
            document, chosen, language, rng, canonical=not described and rng.random() < 0.3, described=described
        )
        if rng.random() < 0.25 and len(slots) > 2:
            slots = grouped(slots, rng)
        schema = schema_of(slots, rng)
        turns: list[Turn] = []
        for number in range(rng.choice((1, 1, 2))):
            if number:
                document = self.document(language, rng, document.scenario)
                if not answers_all(slots, document.facts):
                    break
            ask = document.text
            if rng.random() < 0.4:
                ask = self._ask("extract_all", language, rng, text=document.text)
            turns.append(Turn(ask, language, self._replies(slots, document), as_json=stated))
        return self._under(schema, stated, language, rng), turns

    def formed(self, turn: Turn, language: Language, rng: Random, stated: bool) -> Style:
        """A style whose schema describes the JSON answer to a turn: the way ready-made schemas are used."""
        return self._under(schema_like(turn.replies[turn.language][0].json, rng), stated, language, rng)

    def _under(self, schema: dict[str, Any], stated: bool, language: Language, rng: Random) -> Style:
        """A style under a schema, which its system prompt states, or else the server's constraint alone knows."""
        before = self._styles.prompt("assistant", language, rng) if rng.random() < 0.5 else None
        if not stated:
            return Style(before, schema=schema)
        line = self._styles.prompt("json_schema", language, rng)
        separators = (",", ":") if rng.random() < 0.5 else (", ", ": ")
        text = line + rng.choice(("\n", "\n", " ")) + json.dumps(schema, ensure_ascii=False, separators=separators)
        if before is not None:
            text = before + rng.choice(("\n", "\n\n")) + text
        return Style(text, json=True, schema=schema)

    def with_keys(self, language: Language, rng: Random) -> tuple[Style, list[Turn]]:
        """A conversation whose system prompt names the keys of the JSON object."""
        document = self.document(language, rng)
        while not _simple(document):
            document = self.document(language, rng)
        described = rng.random() < 0.6
        slots = self._slots(document, self._chosen(document, language, rng, most=5), language, rng, described=described)
        prompt = fill(self._styles.prompt("json_keys", language, rng), x=named_keys(slots, language))
        return Style(prompt, json=True), [Turn(document.text, language, self._replies(slots, document), as_json=True)]

    def _state(self, clause: Clause, facts: dict[str, Any], language: Language, rng: Random) -> str:
        """One of the clause's sentences, its values drawn; they are put into `facts`."""
        shown: dict[str, str] = {}
        for slot in clause.slots:
            field = self._fields[slot]
            if field.type in ("people", "things"):
                kind = "name" if field.type == "people" else "product"
                listed = [self._values.text(kind, language, rng) for _ in range(rng.randint(2, 4))]
                facts[slot], shown[slot] = listed, enumerated(listed, language)
            else:
                facts[slot] = self._values.draw(field.value, language, rng)
                shown[slot] = str(facts[slot])
        facts.update(clause.set)
        return fill(capitalized(self._frames.draw(clause.wordings[language], language, rng)), **shown)

    def _chosen(self, document: Document, language: Language, rng: Random, most: int) -> list[str]:
        """Some of what the text states, in any order, and perhaps something that it does not."""
        names = list(document.facts)
        rng.shuffle(names)
        chosen = names[: rng.randint(1, min(most, len(names)))]
        if rng.random() < 0.3:
            stated = set(document.facts)
            silent = [
                slot
                for clause in document.scenario.clauses
                if clause.repeat is None
                for slot in (*clause.slots, *clause.set)
                if slot not in stated and self._fields[slot].type not in ("people", "things")
            ]
            if silent:
                chosen.insert(rng.randint(0, len(chosen)), rng.choice(silent))
        return chosen

    def _slots(
        self,
        document: Document,
        names: Sequence[str],
        language: Language,
        rng: Random,
        canonical: bool = False,
        described: bool = False,
    ) -> list[Slot]:
        used: set[str] = set()
        return [self._slot(document, name, language, rng, canonical, described, used) for name in names]

    def _slot(
        self,
        document: Document,
        name: str,
        language: Language,
        rng: Random,
        canonical: bool,
        described: bool,
        used: set[str],
    ) -> Slot:
        if name not in self._fields:  # a repeat
            row = document.facts[name][0]
            inner_used: set[str] = set()
            inner = tuple(self._slot(document, slot, language, rng, canonical, described, inner_used) for slot in row)
            key = name if canonical or not described else self._unseen_key(rng)
            while key in used:
                key = self._unseen_key(rng)
            used.add(key)
            return Slot(key, None, slots=inner, source=name)
        field = self._fields[name]
        absent = name not in document.facts and not any(
            name in rows[0] for rows in document.facts.values() if isinstance(rows, list) and isinstance(rows[0], dict)
        )
        words = None
        if canonical:
            key = field.keys[0]
        elif described and rng.random() < 0.6:
            key = self._unseen_key(rng)
            words = rng.choice(field.words[language])
        else:
            key = rng.choice(field.keys[:1] if described else _of_split(field.keys, "train"))
            words = rng.choice(field.words[language]) if described and rng.random() < 0.7 else None
        while key in used:
            key = self._unseen_key(rng)
            words = rng.choice(field.words[language])
        used.add(key)
        nullable = (absent or rng.random() < 0.15) and field.type not in ("people", "things")  # an array is never null
        return Slot(key, field, words, nullable)

    def _unseen_key(self, rng: Random) -> str:
        """A JSON key as someone might make up; those of the test split are never trained on."""
        while True:
            if rng.random() < 0.4:
                key = rng.choice(self._fields[rng.choice(list(self._fields))].keys)
                if value_split(key) == self._split == "test":
                    return key
            words = [self._values.made_up("en", rng).lower() for _ in range(rng.choice((1, 1, 2)))]
            key = "_".join(words)
            if rng.random() < 0.2:
                key += str(rng.randint(1, 99))
            if value_split(key) == self._split:
                return key

    def _replies(self, slots: Sequence[Slot], document: Document) -> dict[Language, Any]:
        as_json = {slot.key: value_of(slot, document.facts) for slot in slots}
        return same_reply(json.dumps(as_json, ensure_ascii=False), as_json)

    def _ask(self, kind: str, language: Language, rng: Random, **values: str) -> str:
        return fill(self._frames.draw(self._tasks[kind][language], language, rng), **values)


def _simple(document: Document) -> bool:
    return not any(isinstance(value, list) and isinstance(value[0], dict) for value in document.facts.values())


def _of_split(keys: tuple[str, ...], split: Split) -> tuple[str, ...]:
    return tuple(key for key in keys if value_split(key) == split) or keys[:1]
