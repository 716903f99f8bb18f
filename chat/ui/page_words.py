"""Chainlit's own words on the page, in the app's two languages.

They are Chainlit's translations with some of ours laid over them, `chainlit_PATH` in `chat/locales/`. A browser set to
another language gets them in English, as it gets the app's own sentences, and not half of the page in its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chainlit import config, server

from chat.texts import Language, group, language_for

Words = dict[str, Any]
README: dict[Language, str] = {"en-US": "chainlit.md", "zh-CN": "chainlit_zh-CN.md"}


def words(tag: str) -> Words:
    """What Chainlit's page says, by its own nested keys, for a browser's language tag."""
    language = language_for(tag)
    # Chainlit's own file, not the copy that it makes at its start: a disk that was full then has left half of one.
    said: Words = json.loads(Path(config.TRANSLATIONS_DIR, f"{language}.json").read_text(encoding="utf-8"))
    for path, sentence in own_words(language).items():
        *folders, key = path.split(".")
        place = said
        for folder in folders:
            place = place[folder]
        place[key] = sentence
    return said


def own_words(language: Language) -> dict[str, str]:
    """Those said in other words than Chainlit's, by path ("chat.input.placeholder")."""
    return group(language, "chainlit_")


def readme(root: str, tag: str) -> str:
    """What the header's "About" shows."""
    return Path(root, README[language_for(tag)]).read_text(encoding="utf-8")


def install() -> None:
    """Put both in place of Chainlit's."""
    type(config.config).load_translation = lambda _config, language: words(language)
    server.get_markdown_str = readme  # type: ignore[attr-defined, assignment]  # imported there by name
