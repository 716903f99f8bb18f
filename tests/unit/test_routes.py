"""Every address that the installed Chainlit has is either open or closed on purpose."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chat.ui.routes import CLOSED, OPEN, READ, Needs, is_open

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own: importing Chainlit's server makes a folder where it is.
CHAINLITS = """
from chainlit.server import app
def all_of(routes):
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from all_of(included.routes)
        else:
            yield route
for route in all_of(app.routes):
    for method in sorted(getattr(route, "methods", None) or {"GET"}):
        print(method, route.path)
"""
EVERYTHING: frozenset[Needs] = frozenset({"nothing", "sign-in", "passwords", "header"})


@pytest.fixture(scope="module")
def chainlits(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    command = [sys.executable, "-c", CHAINLITS]
    folder = tmp_path_factory.mktemp("chainlit")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines() if re.match("(GET|HEAD|POST|PUT|DELETE) /", line)]
    return [(method, path) for method, path in lines]


def test_each_address_of_chainlit_is_open_or_closed_on_purpose(chainlits: list[tuple[str, str]]) -> None:
    assert len(chainlits) > 40
    for method, path in chainlits:
        example = re.sub(r"\{filename:path\}|\{avatar_id:str\}", "x.js", path)
        assert is_open(method, example, EVERYTHING) is not (path in CLOSED), (method, path)


def test_nothing_is_named_that_chainlit_does_not_have(chainlits: list[tuple[str, str]]) -> None:
    paths = {path for _, path in chainlits}
    assert set(CLOSED) <= paths
    ours = {"/(health|ready|metrics)", "/login(/callback)?"}
    for open_ in OPEN:
        if open_.path not in ours:
            assert any(re.fullmatch(open_.path, re.sub(r"\{.*\}", "x.js", path)) for path in paths), open_.path


def test_what_is_not_switched_on_is_closed() -> None:
    for open_ in OPEN:
        example = re.sub(r"\(/callback\)\?", "", open_.path)
        if "(" not in example and "[" not in example and open_.needs != "nothing":
            assert is_open(open_.methods[0], example, EVERYTHING)
            assert not is_open(open_.methods[0], example, frozenset({"nothing"}))
    assert not is_open("POST", "/", EVERYTHING)
    assert all(is_open(method, "/", frozenset({"nothing"})) for method in READ)


def test_the_document_names_what_is_open() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    for open_ in OPEN:
        first = re.split(r"[/\[(.]", open_.path.lstrip("/"))[0]
        assert f"`/{first}" in document, open_.path
