"""`make audit`: silence is no clean bill; and what is pinned for the sake of a hole that was closed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.audit import verdict

ROOT = Path(__file__).resolve().parents[2]
CLEAN: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
HOLE: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        ([CLEAN] * 2, 0, "2 packages looked at, 0 holes known."),
        ([CLEAN, HOLE], 1, "2 packages looked at, 1 holes known."),
        ([CLEAN] * 30 + [UNKNOWN], 0, "30 packages looked at, 0 holes known."),
        ([CLEAN] * 30 + [UNKNOWN, HOLE], 1, "31 packages looked at, 1 holes known."),
        ([UNKNOWN] * 3, 1, "The service does not know 3 of 3 packages, so this is no audit"),
    ],
    ids=["clean", "hole", "one_unknown", "hole_and_unknown", "all_unknown"],
)
def test_the_verdict(found: list[dict[str, Any]], code: int, last: str) -> None:
    exit_code, said = verdict(found)
    assert exit_code == code
    assert said[-1].startswith(last)
    assert any("b 2: PYSEC-1, mended in 3" in line for line in said) is (HOLE in found)


def test_python_socketio_is_one_that_bounds_memory() -> None:
    pinned = re.search(r"^python-socketio==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned is not None
    assert tuple(int(part) for part in pinned[1].split(".")) >= (5, 16, 2)


def test_every_image_is_pinned() -> None:
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for file in ROOT.glob("docker-compose*.yml"):
        services = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
        images += [service["image"] for service in services.values() if "image" in service]
    assert len(images) >= 3
    for image in images:
        tag = image.rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d+\.\d+", tag) or "@sha256:" in image, image
