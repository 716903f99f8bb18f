"""Every sentence exists in both languages, asks for the same values, and is used."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from chat import errors
from chat.texts import LANGUAGES, Language, language_for, sentences, text

ROOT = Path(__file__).resolve().parents[2]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "app.py", *(ROOT / "chat").rglob("*.py")])


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_keys_and_values() -> None:
    english, chinese = (sentences(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    assert {key: fields(s) for key, s in english.items()} == {key: fields(s) for key, s in chinese.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_or_left_in_the_other_language(language: Language) -> None:
    for key, sentence in sentences(language).items():
        chinese = re.search(r"[\u4e00-\u9fff]", sentence)
        assert sentence.strip(), key
        if key != "setting_top_p":  # a name, the same in both
            assert bool(chinese) == (language == "zh-CN"), key


def test_every_error_has_its_sentence() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TurnError)]
    assert len(kinds) > 10
    assert {kind.text for kind in kinds} <= sentences("en-US").keys()


def test_every_sentence_is_used() -> None:
    # Keys are written out, or made of a prefix and a value, as in f"status_{ending}", or taken by their prefix.
    made = tuple(re.findall(r'f"([a-z_]+_)\{', CODE) + re.findall(r'group\([\w.]+, "([a-z_]+_)"\)', CODE))
    unused = [key for key in sentences("en-US") if f'"{key}"' not in CODE and not key.startswith(made)]
    assert unused == []


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        *(("zh-CN", "zh-CN"), ("zh", "zh-CN"), ("ZH-TW", "zh-CN"), ("zh,en;q=0.5", "zh-CN"), ("zh;q=0.9", "zh-CN")),
        *(("en-GB", "en-US"), ("de", "en-US"), (None, "en-US"), ("en,zh;q=0.5", "en-US"), ("zha", "en-US")),
    ],
)
def test_the_language_follows_the_browser(tag: str | None, language: str) -> None:
    assert language_for(tag) == language


def test_values_are_filled_in() -> None:
    assert "42" in text("zh-CN", "status_left_out", count=42)
