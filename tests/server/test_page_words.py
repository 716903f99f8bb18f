"""The page speaks one language, whatever tag the browser has: Chainlit's words, the page about it, and the names."""

from __future__ import annotations

import re

import httpx
import pytest

from chat.texts import Language, group

TAGS: tuple[tuple[str, Language], ...] = (("en-GB", "en-US"), ("de", "en-US"), ("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"))


@pytest.mark.parametrize(("tag", "language"), TAGS)
def test_chainlit_speaks_the_apps_language_with_the_apps_words(fake_app_url: str, tag: str, language: Language) -> None:
    said = httpx.get(f"{fake_app_url}/project/translations", params={"language": tag}).json()["translation"]
    for path, sentence in group(language, "chainlit_").items():
        place = said
        for key in path.split("."):
            place = place[key]
        assert place == sentence
    # And where it uses its own.
    assert said["common"]["actions"]["cancel"] == {"en-US": "Cancel", "zh-CN": "取消"}[language]


@pytest.mark.parametrize(("tag", "language"), TAGS)
def test_about_is_in_the_apps_language(fake_app_url: str, tag: str, language: Language) -> None:
    about = httpx.get(f"{fake_app_url}/project/settings", params={"language": tag}).json()["markdown"]
    assert about.startswith("# Pagoda")
    assert bool(re.search(r"[\u4e00-\u9fff]", about)) == (language == "zh-CN")


def test_the_page_brings_the_names_of_its_controls(fake_app_url: str) -> None:
    page = httpx.get(fake_app_url).text
    for language in ("en-US", "zh-CN"):
        assert all(f'"{name}"' in page for name in group(language, "page_").values())
