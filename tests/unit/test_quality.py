"""What quantization costs: which prompts, which answers count as the JSON that was asked for, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark import quality, quality_scores
from backend.benchmark.__main__ import main
from backend.benchmark.problems import Problem
from backend.benchmark.quality_ask import Answer
from backend.benchmark.quality_prompts import Question, of_scenario
from backend.benchmark.quality_scores import SACREBLEU, drop_percent, interval, is_valid, own
from backend.benchmark.quality_table import table

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = str(ROOT / "backend" / "demo_model" / "weights")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NOBODY = "http://127.0.0.1:9/v1"


def question(**values: Any) -> Question:
    return Question("g", ("?",), 10, **values)


def test_a_scenario_says_what_is_asked_and_what_is_to_be_json(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    lines: list[dict[str, Any]] = [
        {"scenario": "own", "description": "d", "max_tokens": 7, "system_prompt": "short"},
        {"schema": "s", "content": SCHEMA},
        {"prompt": "a", "turns": ["one", "two"]},
        {"prompt": "b", "turns": ["three"], "response_format": "s"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    plain, formed = of_scenario(str(file))
    assert (plain.turns, plain.max_tokens, plain.system_prompt, plain.json) == (("one", "two"), 7, "short", False)
    assert (formed.json, formed.schema) == (True, SCHEMA)


@pytest.mark.parametrize(
    ("text", "plainly", "by_schema"),
    [('{"n": 1}', True, True), ('{"n": "1"}', True, False), ("[1]", True, False), ("1", False, False)],
)
def test_valid_json_is_an_object_or_list_and_as_the_schema_says(text: str, plainly: bool, by_schema: bool) -> None:
    assert is_valid(question(json=True), text) is plainly
    assert is_valid(question(json=True, schema=SCHEMA), text) is by_schema


def test_what_is_made_to_be_json_counts_apart_from_what_was_only_asked_to_be() -> None:
    asked = [
        question(json=True, response_format={"type": "json_object"}),
        question(json=True),
        question(json=True),
        question(right=lambda text: text == "yes"),
    ]
    scores = own(asked, [Answer("{}", False), Answer("[]", False), Answer("[", True), Answer("no", False)])
    assert (scores["json_enforced_valid_percent"], scores["json_in_words_valid_percent"]) == (100.0, 50.0)
    assert (scores["right_percent"], scores["cut_percent"], scores["bleu_to_right"]) == (0.0, 25.0, None)


def test_a_drop_is_relative_and_an_interval_holds_the_middle() -> None:
    assert drop_percent(80, 78) == pytest.approx(2.5)
    assert interval([float(value) for value in range(1001)]) == [25.0, 975.0]


def test_the_table_leaves_out_what_nothing_is_known_of() -> None:
    line = {"same_percent": 90.0, "bleu_to_full": 95.0, "bleu_to_full_interval": [94.0, 96.0], "right_percent": None}
    by_group = {"same_percent_by_group": {"a": 80.0, "b": 100.0}}
    models = [{"name": "full precision"}, {"name": "small", **line, **by_group}]
    shown = table({"prompts": {"count": 10, "from": "x"}, "models": models})
    assert re.search(r"^small +90\.0 +95\.00 \(94\.00 to 96\.00\)$", shown, re.MULTILINE)
    assert re.search(r"^a +80\.0$", shown, re.MULTILINE)
    assert "right" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--against", "nowhere", "--model", NOBODY], "nowhere is no server's address"),
        (["--against", WEIGHTS, "--model", WEIGHTS], "One model is named twice"),
        (["--against", WEIGHTS, "--model", NOBODY, "--per-skill", "1"], "--per-skill is at least 4"),
        (["--against", NOBODY, "--model", WEIGHTS, "--prompts", "nothing"], "There is no scenario 'nothing'"),
        (["--against", NOBODY, "--model", WEIGHTS, "--prompts", "chat"], "No server can be reached at"),
        (["--against", "other", "--model", WEIGHTS], "other is not the bundled model: name what to ask"),
    ],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(quality, "check_installed", lambda: None)
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    Path("other/config.json").write_text("{}")
    assert main(["quality", *words, "--out", "out.json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(told)
    assert len(captured.err.splitlines()) == 1
    assert not Path("out.json").exists()


def test_a_result_is_replaced_only_when_told_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    out.write_text("kept")
    assert main(["quality", "--against", WEIGHTS, "--model", NOBODY, "--out", str(out)]) == 2
    assert "replace it with --force" in capsys.readouterr().err
    assert out.read_text() == "kept"


def test_a_python_without_sacrebleu_is_told_which_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_scores, "find_spec", lambda _name: None)
    with pytest.raises(Problem, match=re.escape(f"pip install {SACREBLEU}.")):
        quality_scores.check_installed()
