"""The corpus of the bundled model: what it holds, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.demo_model.corpus import Intent, load_intents, load_tables, table_intents
from backend.demo_model.reading import LANGUAGES, CorpusError
from backend.demo_model.skills.questions import UNKNOWN_INTENT
from backend.demo_model.split import wording_key, wordings_of
from backend.demo_model.texts import enumerated, fill, first_sentence, sentences

ARTICLE_QUESTION = "列出中国四大名著及其作者。"
GOOD_INTENT = """
- id: ping
  ask: {en: [ping], zh: [乒]}
  answer: {en: [Pong.], zh: [乓。]}
"""
GOOD_TABLE = """
- id: capital
  keys: [country, capital]
  rows: [{en: [Mongolia, Ulan Bator], zh: [蒙古, 乌兰巴托]}]
  questions:
    - about: capital
      json: [capital]
      ask: {en: ["capital of {country}?"], zh: ["{country}的首都？"]}
      answer: {en: ["It is {capital}."], zh: ["是{capital}。"]}
"""


def test_the_corpus_knows_the_article_and_its_own_limits(intents: tuple[Intent, ...]) -> None:
    by_id = {intent.id: intent for intent in intents}
    assert UNKNOWN_INTENT in by_id
    novels = by_id["four_great_novels"]
    assert novels.json is not None
    assert novels.json["zh"] == {
        "books": [
            {"title": "红楼梦", "author": "曹雪芹"},
            {"title": "西游记", "author": "吴承恩"},
            {"title": "三国演义", "author": "罗贯中"},
            {"title": "水浒传", "author": "施耐庵"},
        ]
    }
    assert ARTICLE_QUESTION in wordings_of(novels.ask["zh"], "train")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD_INTENT.replace("answer:", "anser:"), "bad.yaml, ping: unknown key 'anser'."),
        (GOOD_INTENT + "  json: {en: {a: 1}}", "bad.yaml, ping, json: the key 'zh' is missing."),
        (GOOD_INTENT + "  json: {en: [1], zh: [1]}", "bad.yaml, ping, json, en: a JSON answer is an object."),
        (GOOD_INTENT.replace("[ping]", "[no]"), "bad.yaml, ping, ask, en: False is not a text"),
        (GOOD_INTENT.replace("[Pong.]", "[]"), "bad.yaml, ping, answer, en: expected a list of texts."),
        (GOOD_INTENT + GOOD_INTENT, "bad.yaml, ping: this id is already used in bad.yaml."),
        ("- ask: {en: [a], zh: [b]}", "bad.yaml, entry 1: it needs an id."),
        ("- [", "bad.yaml is not valid YAML"),
    ],
)
def test_a_bad_corpus_file_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError) as refused:
        load_intents(tmp_path)
    assert str(refused.value).startswith(complaint)


def test_a_bad_table_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(GOOD_TABLE.replace(", Ulan Bator", ""), encoding="utf-8")
    with pytest.raises(CorpusError) as refused:
        load_intents(tmp_path)
    assert str(refused.value) == "tables.yaml, capital, row 1, en: 1 cells for 2 keys."


def test_every_row_and_question_of_a_table_is_an_intent(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(GOOD_TABLE, encoding="utf-8")
    (intent,) = table_intents(load_tables(tmp_path / "tables.yaml")[0])
    assert intent.ask == {"en": ("Capital of Mongolia?",), "zh": ("蒙古的首都？",)}
    assert intent.answer["en"] == ("It is Ulan Bator.",)
    assert intent.json == {"en": {"capital": "Ulan Bator"}, "zh": {"capital": "乌兰巴托"}}


def test_home_has_three_hundred_intents_written_in_many_ways(intents: tuple[Intent, ...]) -> None:
    home = [intent for intent in intents if intent.topic == "home"]
    assert len(home) >= 300
    for intent in home:
        for language in LANGUAGES:
            assert len({wording_key(ask) for ask in intent.ask[language]}) >= 8, intent.id
            assert len(set(intent.answer[language])) >= 2, intent.id


def test_every_wording_asks_for_one_thing(intents: tuple[Intent, ...]) -> None:
    seen: dict[str, str] = {}
    for intent in intents:
        for language in LANGUAGES:
            for ask in intent.ask[language]:
                assert seen.setdefault(wording_key(ask), intent.id) == intent.id, ask


def test_small_things_done_to_text() -> None:
    assert fill("我叫{x}。", x="Ann") == "我叫 Ann。"
    assert fill("我叫{x}。", x="王伟") == "我叫王伟。"
    assert fill("{a}和{b}", a="x", b="{a}") == "x 和{a}"
    assert enumerated(["a"], "en") == "a"
    assert enumerated(["a", "b", "c"], "en") == "a, b and c"
    assert enumerated(["甲", "乙", "丙"], "zh") == "甲、乙和丙"
    assert first_sentence("- a\n- b") == "- a\n- b"
    assert sentences("Steps:\n1. Open.\n\n2. Close.") == ["Steps:", "1. Open.", "2. Close."]
