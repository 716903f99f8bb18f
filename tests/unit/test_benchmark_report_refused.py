"""What `report` refuses: in one sentence, with nothing overwritten."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from backend.benchmark.__main__ import main
from tests.unit.benchmark_results import point, result


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "What an hour of NVIDIA H200 costs in CNY is not known: give it as --price"),
        (("--price", "0"), "--price 0: write what an hour"),
        (("--price", "cheap"), "--price cheap: write"),
        (("--price", "1e300"), "--price 1e300: write what an hour of the machine costs as a number from 0.0001 to 1,0"),
        (("--price", "1e-300"), "--price 1e-300: write"),
        (("--price", "1", "2"), "--price: 2 prices for 1 results"),
        (("--price", "1", "--currency", "GBP"), "--currency GBP: there are CNY, USD, EUR."),
        (("--price", "1", "--api-price", "free"), "--api-price free: write"),
        (("--price", "1", "--api-price", "1,1e300"), "--api-price 1,1e300: write"),
        (("--price", "1", "--api-price", "1e-300"), "--api-price 1e-300: write"),
        (("--price", "1", "--goodput", "speed:5"), "--goodput speed:5: write"),
        (("--price", "1", "--gpu", "abacus"), "--gpu: Nothing is known of a GPU 'abacus'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    file, page = tmp_path / "r.json", tmp_path / "page.html"
    file.write_text(json.dumps(result()), encoding="utf-8")
    page.write_text("mine", encoding="utf-8")
    assert main(["report", str(file), "--out", str(page), "--force", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert page.read_text(encoding="utf-8") == "mine"
    assert sorted(tmp_path.iterdir()) == [page, file]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is not a result of"),
        ("<html>", "is not JSON"),
        (None, "cannot be read"),
        (json.dumps(result([point(1, 0, 1, 1, count=0, failed=2)])), "no request was answered"),
        (json.dumps(result([])), "no request was answered"),
        (json.dumps(result() | {"server": {}}), "server.url: Field required. Was it edited?"),
        (json.dumps(result([point(1, 9, 9, 9) | {"figures": {}}])), "points.0.figures: no completed. Was it edited?"),
        (json.dumps(result([point(1, 9, 9, 9) | {"repeats": []}])), "points.0.repeats: there is none. Was it edited?"),
        (json.dumps(result([{"kind": "concurrency", "value": 1}])), "points.0.figures: Field required. Was it edited?"),
    ],
)
def test_what_is_no_result_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    file = tmp_path / "r.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["report", str(file), "--out", str(tmp_path / "page.html"), "--price", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_files_that_are_there_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page, table = tmp_path / "r.json", tmp_path / "page.html", tmp_path / "table.md"
    file.write_text(json.dumps(result()), encoding="utf-8")
    table.write_text("mine", encoding="utf-8")
    words = ["report", str(file), "--price", "1", "--out"]
    assert main([*words, str(page), "--markdown", str(table)]) == 2
    assert "table.md is there already" in capsys.readouterr().err
    assert not page.exists()
    assert main([*words, str(page), "--markdown", str(page)]) == 2
    assert "both name" in capsys.readouterr().err
    assert main([*words, str(file), "--force"]) == 2
    assert "is one of the results" in capsys.readouterr().err
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1


def test_a_full_disk_is_one_sentence_and_the_old_page_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file, page = tmp_path / "r.json", tmp_path / "page.html"
    file.write_text(json.dumps(result()), encoding="utf-8")
    page.write_text("mine", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", full)
    assert main(["report", str(file), "--out", str(page), "--price", "1", "--force"]) == 2
    assert "page.html cannot be written: No space left on device." in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "mine"
    assert sorted(tmp_path.iterdir()) == [page, file]
