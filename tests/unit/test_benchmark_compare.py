"""Comparing two results: what changed, and whether it is more than noise."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark import compare
from backend.benchmark.__main__ import main
from backend.benchmark.figures import over_repeats
from backend.benchmark.noise import difference, t_99
from backend.benchmark.problems import Problem
from tests.unit import benchmark_results
from tests.unit.benchmark_results import point


def result(*throughputs: float, users: int = 8) -> dict[str, Any]:
    """A result with one repeat for each value."""
    repeats = [point(users, value, 4000 / value, 5.0)["repeats"][0] for value in throughputs]
    medians, spread = over_repeats([part["figures"] for part in repeats])
    load = {"kind": "concurrency", "value": users, "figures": medians, "spread": spread, "repeats": repeats}
    whole = benchmark_results.result([load], command_line=["vllm", "--enforce-eager"], goodput_ms={"ttft": 500})
    whole["client"]["load_average"] = random.random()
    return whole


def judged(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[str, bool | None]]:
    return {row["figure"]: (row["verdict"], row["is_better"]) for row in compare.figures(a, b)}


def test_a_real_change_is_more_than_noise_and_has_a_side() -> None:
    found = judged(result(100, 101, 99), result(150, 151, 149))
    assert found["output_throughput"] == ("more than noise", True)
    assert found["median_ttft_ms"] == ("more than noise", True)  # less of it is better
    assert judged(result(150, 151, 149), result(100, 101, 99))["median_ttft_ms"] == ("more than noise", False)


def test_a_change_within_the_spread_is_noise() -> None:
    assert judged(result(90, 100, 110), result(95, 106, 113))["output_throughput"] == ("within noise", None)
    assert judged(result(100, 100, 100), result(100, 100, 100))["output_throughput"] == ("within noise", None)


def test_with_one_repeat_nobody_knows() -> None:
    assert judged(result(100), result(150, 151))["output_throughput"] == ("unknown", None)
    assert "measure with --repeats 3" in compare.report(result(100), result(150))


def test_false_alarms_are_as_rare_as_promised_and_ten_percent_is_found() -> None:
    chance = random.Random(1)

    def alarms(shift: float) -> float:
        found = 0
        for _ in range(2000):
            a, b = ([chance.gauss(mean, 1.0) for _ in range(3)] for mean in (100, 100 + shift))
            found += difference(a, b).verdict == "more than noise"
        return found / 2000

    assert alarms(0) < 0.015
    assert alarms(10) > 0.9


def test_the_quantile_is_never_too_small() -> None:
    assert (t_99(4), t_99(4.9), t_99(1.0), t_99(1e6)) == (4.604, 4.604, 63.657, 2.617)


def test_the_interval_holds_the_change() -> None:
    found = difference([100, 102, 98], [110, 111, 109])
    assert found.change_percent == pytest.approx(10)
    assert found.low_percent is not None
    assert found.high_percent is not None
    assert found.low_percent < 10 < found.high_percent
    assert found.low_percent + found.high_percent == pytest.approx(20)


def test_what_differs_is_told_setting_by_setting() -> None:
    a, b = result(100, 101), result(150, 151)
    b["server"]["command_line"] = ["vllm"]
    b["scenario"]["sha256"] = "def"
    b["settings"]["goodput_ms"] = {"ttft": 300, "tpot": 50}
    assert compare.changes(a, b) == {
        "settings.goodput_ms.ttft": (500, 300),
        "settings.goodput_ms.tpot": (None, 50),
        "scenario.sha256": ("0123456789abcdef", "def"),
        "server.command_line": (["vllm", "--enforce-eager"], ["vllm"]),
    }
    report = compare.report(a, b)
    assert 'server.command_line: ["vllm", "--enforce-eager"] → ["vllm"]' in report
    assert "asked different things" in report


def test_what_was_cut_off_does_not_count() -> None:
    a, b = result(100, 101, 99), result(100, 101, 5)
    b["points"][0]["repeats"][2]["complete"] = False
    b |= {"complete": False, "stopped": "stopped by Ctrl-C after 2 of 3 runs"}
    assert judged(a, b)["output_throughput"] == ("within noise", None)
    assert "B was stopped by Ctrl-C after 2 of 3 runs: only its whole runs count here." in compare.report(a, b)


def test_no_load_in_common() -> None:
    with pytest.raises(Problem, match="no load in common that ran to its end: A has 8 at once; B has 4 at once"):
        compare.figures(result(1, 2), result(1, 2, users=4))
    cut = result(1)
    cut["points"][0]["repeats"][0]["complete"] = False
    with pytest.raises(Problem, match="A has 8 at once; B has none"):
        compare.figures(result(1, 2), cut)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(result(100, 101, 99)))
    b.write_text(json.dumps(result(150, 151, 149)))
    assert main(["compare", str(a), str(b)]) == 0
    table = capsys.readouterr().out
    assert re.search(r"output_throughput +100\.00 +150\.00 +\+50\.0 %", table)
    assert "better" in table
    assert "failed" not in table  # zero in both
    assert main(["compare", str(a), str(b), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"changes", "figures"}
    assert told["figures"][0]["verdict"] == "more than noise"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not JSON"),
        ("[]", "is not a result of"),
        ('{"format": "pagoda-benchmark", "version": 9}', "has version 9"),
        ('{"format": "pagoda-benchmark", "version": 1, "settings": {}}', "lacks scenario, server, client, points"),
    ],
)
def test_what_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, reason: str
) -> None:
    whole, other = tmp_path / "a.json", tmp_path / "b.json"
    whole.write_text(json.dumps(copy.deepcopy(result(1, 2))))
    if content is not None:
        other.write_text(content)
    assert main(["compare", str(whole), str(other)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{other} {reason}" in told.err
