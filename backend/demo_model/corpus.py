"""The hand-written intents and tables of the demonstration model.

`corpus/**/*.yaml` hold intents: ways to ask something, answers to it, and perhaps the answer as JSON.
`corpus/tables.yaml` holds relations (country, capital, continent) with their rows and the templates that ask for a
column; every row and question of a table is an intent too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from backend.demo_model.reading import (
    LANGUAGES,
    ByLanguage,
    CorpusError,
    Language,
    by_language,
    entries,
    mapping,
    texts,
)
from backend.demo_model.texts import capitalized, fill

HERE = Path(__file__).parent
CORPUS_DIR = HERE / "corpus"
TABLES = "tables.yaml"
TABLE_TOPIC = "knowledge"


@dataclass(frozen=True)
class Intent:
    """Something the model can be asked, with its answers; `topic` is the name of its folder or else its file."""

    id: str
    topic: str
    ask: ByLanguage
    answer: ByLanguage
    json: dict[Language, dict[str, Any]] | None


@dataclass(frozen=True)
class Question:
    """Templates that ask a table for the column `about`; `json` names the columns of the JSON answer."""

    about: str
    json: tuple[str, ...]
    ask: ByLanguage
    answer: ByLanguage


@dataclass(frozen=True)
class Table:
    """A relation; each row holds, by language, one text per key."""

    id: str
    keys: tuple[str, ...]
    rows: tuple[dict[Language, dict[str, str]], ...]
    questions: tuple[Question, ...]


def load_intents(folder: Path = CORPUS_DIR) -> tuple[Intent, ...]:
    """Every intent of a folder, in the order of file names, then those of its tables; ids are unique."""
    intents: list[Intent] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.rglob("*.yaml")):
        if path.name == TABLES:
            made = [intent for table in load_tables(path) for intent in table_intents(table)]
        else:
            topic = path.stem if path.parent == folder else path.parent.name
            made = [_intent(topic, where, entry) for where, entry in entries(path)]
        for intent in made:
            if intent.id in seen:
                raise CorpusError(f"{path.name}, {intent.id}: this id is already used in {seen[intent.id]}.")
            seen[intent.id] = path.name
        intents += made
    if not intents:
        raise CorpusError(f"{folder} holds no intents.")
    return tuple(intents)


def load_tables(path: Path = CORPUS_DIR / TABLES) -> tuple[Table, ...]:
    """The relations of the tables file."""
    tables: list[Table] = []
    for where, entry in entries(path):
        given = mapping(entry, where, required=("id", "keys", "rows", "questions"))
        keys = texts(given["keys"], f"{where}, keys")
        rows = [_row(row, keys, f"{where}, row {number}") for number, row in enumerate(given["rows"], 1)]
        questions: list[Question] = []
        for question in given["questions"]:
            parts = mapping(question, f"{where}, questions", required=("about", "json", "ask", "answer"))
            asked = f"{where}, {parts['about']}"
            questions.append(
                Question(
                    parts["about"],
                    texts(parts["json"], f"{asked}, json"),
                    by_language(parts["ask"], f"{asked}, ask"),
                    by_language(parts["answer"], f"{asked}, answer"),
                )
            )
        tables.append(Table(given["id"], keys, tuple(rows), tuple(questions)))
    return tuple(tables)


def table_intents(table: Table) -> Iterator[Intent]:
    """Each question about each row, as an intent."""
    for row in table.rows:
        for question in table.questions:
            yield Intent(
                id=f"{table.id} {question.about} {'/'.join(row['en'].values())}",
                topic=TABLE_TOPIC,
                ask=_filled(question.ask, row),
                answer=_filled(question.answer, row),
                json={language: row_json(row[language], question.json) for language in LANGUAGES},
            )


def row_json(row: dict[str, str], keys: tuple[str, ...]) -> dict[str, Any]:
    """Columns of a row as JSON; a column of digits is a number."""
    return {key: int(row[key]) if row[key].isdigit() else row[key] for key in keys}


def _intent(topic: str, where: str, entry: object) -> Intent:
    keys = mapping(entry, where, required=("id", "ask", "answer"), optional=("json",))
    return Intent(
        id=keys["id"],
        topic=topic,
        ask=by_language(keys["ask"], f"{where}, ask"),
        answer=by_language(keys["answer"], f"{where}, answer"),
        json=_json_by_language(keys["json"], f"{where}, json") if "json" in keys else None,
    )


def _row(row: object, keys: tuple[str, ...], where: str) -> dict[Language, dict[str, str]]:
    cells = by_language(row, where)
    for language in LANGUAGES:
        if len(cells[language]) != len(keys):
            raise CorpusError(f"{where}, {language}: {len(cells[language])} cells for {len(keys)} keys.")
    return {language: dict(zip(keys, cells[language], strict=True)) for language in LANGUAGES}


def _filled(templates: ByLanguage, row: dict[Language, dict[str, str]]) -> ByLanguage:
    return {
        language: tuple(dict.fromkeys(capitalized(fill(template, **row[language])) for template in templates[language]))
        for language in LANGUAGES
    }


def _json_by_language(value: object, where: str) -> dict[Language, dict[str, Any]]:
    both = mapping(value, where, required=LANGUAGES)
    for language in LANGUAGES:
        if not isinstance(both[language], dict):
            raise CorpusError(f"{where}, {language}: a JSON answer is an object.")
    return cast("dict[Language, dict[str, Any]]", both)
