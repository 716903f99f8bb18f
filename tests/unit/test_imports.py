"""The three import rules of the layout: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imported(path: Path) -> set[str]:
    """The absolute modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def offenders(folder: str, package: str, allowed: tuple[str, ...] = ()) -> list[str]:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")]
    assert files, f"no Python files in {folder}"
    return [
        name
        for name in files
        if not name.startswith(allowed or ("\0",))
        and any(module.split(".")[0] == package for module in imported(ROOT / name))
    ]


def test_backend_never_imports_chat() -> None:
    assert offenders("backend", "chat") == []


def test_chat_never_imports_backend() -> None:
    assert offenders("chat", "backend") == []


@pytest.mark.parametrize("folder", ["chat", "backend", "scripts"])
def test_only_the_app_and_chat_ui_import_chainlit(folder: str) -> None:
    assert offenders(folder, "chainlit", allowed=("chat/ui/",)) == []
    assert "chainlit" in imported(ROOT / "app.py")
