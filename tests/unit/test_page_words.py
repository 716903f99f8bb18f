"""What Chainlit says is said in both languages, and no script of ours says anything that the locales do not hold."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.texts import LANGUAGES, Language, group

ROOT = Path(__file__).resolve().parents[2]
CHAINLIT = importlib.util.find_spec("chainlit")
assert CHAINLIT
assert CHAINLIT.origin
TRANSLATIONS = Path(CHAINLIT.origin).parent / "translations"
SCRIPTS = [path for path in (ROOT / "public").rglob("*.js*") if path.suffix in (".js", ".jsx")]
# Not sentences: an address, a key of the keyboard.
ALIKE = {"auth.login.form.email.placeholder", "navigation.user.menu.settingsKey"}


def leaves(words: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key, value


def test_chainlits_chinese_is_complete() -> None:
    english, chinese = (
        dict(leaves(json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))))
        for language in LANGUAGES
    )
    assert english.keys() == chinese.keys()
    assert [path for path in english.keys() - ALIKE if not re.search(r"[\u4e00-\u9fff]", chinese[path])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_words_stand_where_chainlit_has_some(language: Language) -> None:
    paths = group(language, "chainlit_").keys()
    assert paths
    assert paths <= dict(leaves(json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8")))).keys()


# Words between tags, in an attribute that is read out or shown, and put onto the page by a script.
TEXT_IN_JSX = re.compile(r"<[A-Za-z][^<>{}]*>\s*([A-Za-z][^<>{}]*[a-z])\s*</")
ATTRIBUTE = re.compile(
    r"""\b(?:title|aria-?label|placeholder|alt|label)\s*[=:]\s*\{?["'`]([^"'`]*[A-Za-z]{3}[^"'`]*)""", re.I
)
PUT = re.compile(r"""\b(?:textContent|innerText|nodeValue|ariaLabel)\s*=\s*["'`]([^"'`]*[A-Za-z]{3}[^"'`]*)""")
CONFIRMED = re.compile(r"""\b(?:alert|confirm|prompt)\(\s*["'`]([^"'`]*)""")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_holds_a_sentence(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    found = [match for rule in (TEXT_IN_JSX, ATTRIBUTE, PUT, CONFIRMED) for match in rule.findall(code)]
    assert found == []
    # Chinese can only be a sentence.
    without_comments = re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.S)
    assert re.findall(r"[\u4e00-\u9fff]+", without_comments) == []


def test_the_scripts_rules_find_sentences() -> None:
    said = """<p className="x">Hello there</p> <b title="Close this"> x.textContent = "Saved"; confirm("Sure?")"""
    found = [match for rule in (TEXT_IN_JSX, ATTRIBUTE, PUT, CONFIRMED) for match in rule.findall(said)]
    assert found == ["Hello there", "Close this", "Saved", "Sure?"]


def test_every_name_that_the_page_gives_exists() -> None:
    scripts = [script.read_text(encoding="utf-8") for script in (ROOT / "public").glob("*.js")]
    used = {name for code in scripts if "window.pagodaNames" in code for name in re.findall(r"\bnames\.(\w+)", code)}
    assert used == set(group("en-US", "page_"))
