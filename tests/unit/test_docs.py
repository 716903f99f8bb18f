"""The documents name only what exists: make targets, files, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "backend/demo_model/MODEL_CARD.md"]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
SETTINGS = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))


def commands(text: str) -> list[str]:
    """What stands in backticks, fences and indented blocks, line by line, without comments."""
    fences = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (.+)$", text, re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", text)
    lines = [line for block in [*fences, *indented, *inline] for line in block.splitlines()]
    return [line.split("#")[0].strip() for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_what_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for words in re.findall(r"^make((?: +[a-z-]+)+)", "\n".join(commands(text)), re.MULTILINE):
        assert set(words.split()) <= TARGETS, words
    for setting in re.findall(r"\b(?:PAGODA|CHAINLIT)_[A-Z_]+\b", text):
        assert setting in SETTINGS
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (document.parent / target).exists(), target


def test_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*?)\n\n", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert phony is not None
    assert set(phony[1].replace("\\", " ").split()) == TARGETS
