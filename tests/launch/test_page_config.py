"""A broken `.chainlit/config.toml`, in a copy of this checkout that shares its environments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fake_vllm import free_port

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Makefile", "app.py", "scripts", "backend", "chat", "public", ".chainlit", "chainlit.md", "chainlit_zh-CN.md")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "corpus", "phrases")
REMEDY = "mend it, or take the file back from the repository (`git checkout .chainlit/config.toml`)."


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make` needs of this tree; the model's corpus is nothing of it."""
    for part in (*PARTS, *(file.name for file in ROOT.glob("requirements*"))):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part, ignore=LEFT_OUT)
        else:
            shutil.copy(ROOT / part, tmp_path)
    for environment in (".venv", ".venv-backend"):
        (tmp_path / environment).symlink_to(ROOT / environment)
    return tmp_path


def make(checkout: Path, target: str) -> str:
    """What it says, as it ends by itself with a failure."""
    command = ["make", "--no-print-directory", target, f"PORT={free_port()}", f"BACKEND_PORT={free_port()}"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", ["demo", "app"])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[project]\nsession_timeout = \n", ".chainlit/config.toml is broken (Invalid value (at line 2, column 19)): "),
        ("[UI]\n", ".chainlit/config.toml has no table [project]: "),
        ("\xff", ".chainlit/config.toml can't be read (UnicodeDecodeError): "),
        (None, ".chainlit/config.toml can't be read (FileNotFoundError): "),
    ],
    ids=["syntax", "table", "encoding", "absent"],
)
def test_fault_73_a_broken_config(checkout: Path, target: str, text: str | None, complaint: str) -> None:
    """`make demo` and `make app` end at once with a sentence that names the file, the place and the remedy."""
    file = checkout / ".chainlit/config.toml"
    file.unlink()
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    said = make(checkout, target)
    assert complaint + REMEDY in said
    assert "Traceback" not in said
    assert file.exists() is (text is not None)  # Chainlit would make one, with uploads on


@pytest.mark.timeout(150)
def test_fault_73_a_value_that_chainlit_does_not_take(checkout: Path) -> None:
    """`make demo` ends everything as soon as the page does, and a sentence names the file and the key."""
    file = checkout / ".chainlit/config.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("= 3600", '= "an hour"'), encoding="utf-8")
    said = make(checkout, "demo")
    assert (
        said.rstrip()
        .splitlines()[-2]
        .startswith(".chainlit/config.toml has a value for `session_timeout` that Chainlit does not take: mend it")
    ), said
