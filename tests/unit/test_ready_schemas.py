"""The ready schemas: what the bundled model was taught fits them, they need no remark, and they load strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from chat.errors import DataFileError
from chat.schema.check import check_schema
from chat.schema.ready import SCHEMAS_DIR, load_schemas, ready_schemas
from chat.texts import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "backend" / "demo_model" / "corpus"
SHORT = {"en-US": "en", "zh-CN": "zh"}
IDS = ["books", "contact", "invoice", "minutes", "review", "quiz", "recipe", "weather"]


def documents() -> list[dict[str, Any]]:
    """What the bundled model was taught in these forms."""
    showcase: list[dict[str, Any]] = yaml.safe_load((CORPUS / "showcase.yaml").read_text(encoding="utf-8"))
    knowledge = yaml.safe_load((CORPUS / "knowledge.yaml").read_text(encoding="utf-8"))
    novels = next(document for document in knowledge if document["id"] == "four_great_novels")
    return [*showcase, novels | {"id": "books_four_great_novels"}]


DOCUMENTS = documents()


def test_the_eight_in_their_order() -> None:
    assert list(ready_schemas()) == IDS


def test_every_form_of_the_corpus_has_its_schema() -> None:
    assert {document["id"].split("_")[0] for document in DOCUMENTS} == set(IDS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["id"])
def test_what_the_bundled_model_was_taught_matches(document: dict[str, Any]) -> None:
    schema = ready_schemas()[document["id"].split("_")[0]].schema
    for value in document["json"].values():
        jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
        assert list(value) == list(schema["properties"])


@pytest.mark.parametrize("schema_id", IDS)
def test_questions_are_among_those_it_was_taught(schema_id: str) -> None:
    for language in LANGUAGES:
        taught = [
            question
            for document in DOCUMENTS
            if document["id"].startswith(schema_id)
            for question in document["ask"][SHORT[language]]
        ]
        questions = ready_schemas()[schema_id].questions[language]
        assert len(set(questions)) == 3
        assert set(questions) <= set(taught)


def objects(schema: Any) -> list[dict[str, Any]]:
    """All object schemas in one."""
    found = []
    if isinstance(schema, dict):
        found = [schema] if schema.get("type") == "object" else []
        schema = list(schema.values())
    if isinstance(schema, list):
        found += [each for value in schema for each in objects(value)]
    return found


@pytest.mark.parametrize("schema_id", IDS)
def test_each_is_closed_complete_and_short(schema_id: str) -> None:
    schema = ready_schemas()[schema_id].schema
    for part in objects(schema):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    # 226 tokens of the bundled model's tokenizer, for minutes
    assert len(json.dumps(schema, separators=(",", ":"))) < 600


@pytest.mark.parametrize("schema_id", IDS)
def test_the_check_has_nothing_to_say(schema_id: str) -> None:
    schema = ready_schemas()[schema_id].schema
    assert check_schema(json.dumps(schema, ensure_ascii=False, indent=2)) == (schema, [])


@pytest.mark.parametrize("schema_id", IDS)
def test_the_words_on_the_page_are_there_in_both_languages(schema_id: str) -> None:
    schema = ready_schemas()[schema_id]
    for words in (schema.name, schema.description, schema.questions):
        assert set(words) == set(LANGUAGES)
    for names in ({ready.name[language] for ready in ready_schemas().values()} for language in LANGUAGES):
        assert len(names) == len(IDS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"extra": 1}, "extra"),
        ({"order": "first"}, "order"),
        ({"name": {"fr": "Livres"}}, "name.fr"),
        ({"questions": {"en-US": ["only one"]}}, "questions.en-US"),
        ({"schema": "text"}, "schema"),
    ],
)
def test_a_file_with_a_fault_is_refused_by_name(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    content = yaml.safe_load((SCHEMAS_DIR / "books.yaml").read_text(encoding="utf-8"))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content | change), encoding="utf-8")
    with pytest.raises(DataFileError, match=rf"mine\.yaml(.|\n)*{named}"):
        load_schemas(tmp_path)
    (tmp_path / "mine.yaml").write_text("- a list", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"mine\.yaml"):
        load_schemas(tmp_path)
