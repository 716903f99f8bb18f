"""The app in a folder of its own, as the image holds it: with a disk, a `.env` or a configuration of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.processes import APP_READY_S, ROOT, Service

PARTS = ("app.py", "chat", "public", ".chainlit/config.toml", "chainlit.md", "chainlit_zh-CN.md")
START = (sys.executable, "-m", "chainlit", "run", "app.py", "--headless")


def copy_app(folder: Path) -> Path:
    """Copy what the app is made of into `folder`, and return it."""
    for part in PARTS:
        source, copy = ROOT / part, folder / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    return folder


def app_in(
    folder: Path,
    port: int,
    backend_url: str,
    log: Path,
    *wrapper: str,
    start: Sequence[str] = START,
    **env: str,
) -> Service:
    """The app in `folder`, started by `wrapper`, a command that ends in running its arguments."""
    settings = {"PAGODA_BACKEND_URL": backend_url, "CHAINLIT_HOST": "127.0.0.1", "CHAINLIT_PORT": str(port)}
    command = ["env", f"--chdir={folder}", *wrapper, *start]
    return Service(command, settings | env, f"http://127.0.0.1:{port}/health", log, APP_READY_S)
