"""The table's sentences: of what there is, and nothing of what was not seen. And `make bench`, which ends in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.table import table
from tests.unit.benchmark_results import point, result

ROOT = Path(__file__).resolve().parents[2]


def repeated(*are_whole: bool, server: dict[str, float] | None = None) -> dict[str, Any]:
    """A load with so many repeats."""
    load = point(8, 100, 20, 5, server=server)
    load["repeats"] = [load["repeats"][0] | {"complete": whole} for whole in are_whole]
    return load


def shown(*points: dict[str, Any]) -> str:
    whole = result(list(points))
    whole["settings"] |= {"model": "m", "url": "u"}
    return table(whole)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([repeated(True, True)], "; medians of 2 repeats\n"),
        ([repeated(True, True), repeated(True, False)], "; medians of 1 or 2 repeats\n"),
        ([repeated(True)], "; one repeat\n"),
        ([repeated(False)], "; one repeat\n"),  # stopped in the first of those that were wanted
    ],
)
def test_the_repeats_that_there_are(points: list[dict[str, Any]], said: str) -> None:
    assert said in shown(*points)


def test_a_queue_that_nobody_saw_is_not_said_to_be_empty() -> None:
    unseen = shown(repeated(True, server={"samples": 0, "prefix_cache_hit_rate": 0.5}))
    assert "the server: each run was over before its queue was looked at, which is once a second, 50% of" in unseen
    seen = {"max_num_requests_running": 8, "max_num_requests_waiting": 0, "max_kv_cache_usage": 0.25}
    assert "the server: most running 8, most waiting 0, KV cache at most 25.0% full\n" in shown(
        repeated(True, True, server=seen)
    )


def make_bench(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """With nothing installed and nothing measured."""
    make = shutil.which("make")
    assert make
    line = [make, "-s", "-f", str(ROOT / "Makefile"), "-C", str(folder), "bench", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)


def test_make_bench_wants_its_price_first(tmp_path: Path) -> None:
    done = make_bench(tmp_path, "PYTHON=false", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("make bench: say what an hour of the machine costs, as PRICE=1.8 CURRENCY=CNY")


def test_make_bench_keeps_earlier_results(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    for text in ("first", "second"):
        (tmp_path / "bench/result.json").write_text(text)
        assert make_bench(tmp_path, "PYTHON=true", "BACKEND=true", "PRICE=1", PATH="/usr/bin:/bin").returncode == 0
    assert sorted(file.read_text() for file in (tmp_path / "bench").iterdir()) == ["first", "second"]
