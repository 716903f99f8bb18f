"""`python -m backend.benchmark flags`: what a file of flag sets may hold, and what is made of the measurements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from backend.benchmark import __main__ as benchmark
from backend.benchmark import flag_sets
from backend.benchmark.flag_sets import Experiment, FlagSet, read, table
from backend.benchmark.problems import Problem
from backend.data import FOLDER

FILES = sorted((FOLDER / "flag_sets").glob("*.yaml"))
POINT = {"users": 1, "output_throughput": 100.0, "median_ttft_ms": 20.0, "median_tpot_ms": 10.0, "estimate": None}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_set_says_why_it_is_tried_and_what_is_expected(file: Path) -> None:
    experiment = read(file, None)
    assert all(flag_set.why and flag_set.prediction for flag_set in experiment.sets)
    names = [flag_set.name for flag_set in experiment.sets]
    assert len(set(names)) == len(names)


def test_a_set_begins_with_its_profile_and_leaves_the_model_to_the_experiment() -> None:
    flags = FlagSet("a", "w", "p", "h200-fp8", {"max-num-seqs": 7}).all_flags()
    assert (flags["quantization"], flags["max-num-seqs"]) == ("fp8", 7)
    assert "model" not in flags
    assert "served-model-name" not in FlagSet("a", "w", "p", "cpu-demo").all_flags()
    with pytest.raises(Problem, match="no profile 'h300'"):
        FlagSet("a", "w", "p", "h300").all_flags()


def test_some_of_a_files_sets_can_be_chosen() -> None:
    assert [s.name for s in read(FILES[0], "article,bf16").sets] == ["article", "bf16"]
    with pytest.raises(Problem, match="has no set best"):
        read(FILES[0], "article,best")


def test_an_unknown_key_is_refused_by_file_and_place(tmp_path: Path) -> None:
    wrong = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))
    wrong["sets"][1]["flag"] = {}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(Problem, match=r"wrong.yaml: sets.1.flag: "):
        read(tmp_path / "wrong.yaml", None)
    with pytest.raises(Problem, match="is not there"):
        read(tmp_path / "none.yaml", None)


def test_ratios_are_to_the_first_set_and_a_failure_is_told() -> None:
    measured = {
        "sets": [
            {"name": "slow", "points": [POINT]},
            {"name": "fast", "points": [POINT | {"output_throughput": 250.0, "estimate": 240.0}]},
            {"name": "broken", "points": [], "failed": "vLLM did not start:\nno such flag"},
        ]
    }
    rows = [line.split() for line in table(measured).splitlines()[1:]]
    assert rows[0] == ["slow", "1", "100.0", "1.00", "-", "20", "10.00"]
    assert rows[1] == ["fast", "1", "250.0", "2.50", "240", "20", "10.00"]
    assert rows[2] == ["broken", "failed:", "no", "such", "flag"]


def test_without_vllm_it_says_which_python_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["flags", str(FILES[0]), "--out", str(tmp_path / "out.json")]) == 2
    assert ".venv-backend/bin/python" in capsys.readouterr().err


def test_an_experiment_names_its_users() -> None:
    experiment = read(FILES[0], None)
    assert isinstance(experiment, Experiment)
    assert list(experiment.users) == [1, 8, 64, 256]


def test_what_was_measured_is_kept_when_a_server_fails_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a stand-in for vLLM and its benchmark: its command, its environment, and what is written."""
    started: list[tuple[list[str], Mapping[str, str]]] = []

    @contextmanager
    def served(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
        started.append((list(command), environment))
        yield "http://127.0.0.1:1/v1"

    def bench_serve(*arguments: str) -> dict[str, float]:
        users = int(arguments[arguments.index("--max-concurrency") + 1])
        if users == 8:
            raise Problem("`vllm bench serve` failed: gone")
        figures = dict.fromkeys(("output_throughput", "median_ttft_ms", "median_tpot_ms", "duration"), 100.0)
        return {**figures, "completed": max(8, 4 * users)}

    monkeypatch.setattr(flag_sets, "served", served)
    monkeypatch.setattr(flag_sets, "bench_serve", bench_serve)
    monkeypatch.setattr(flag_sets, "require_vllm", lambda command: None)
    out = tmp_path / "out.json"
    words = ["flags", str(FILES[0]), "--out", str(out), "--only", "article,fp8-marlin", "--users", "1,8"]
    assert benchmark.main([*words, "--without", "enable-per-request-metrics", "--", "--load-format", "dummy"]) == 0
    article, marlin = json.loads(out.read_text(encoding="utf-8"))["sets"]
    assert [point["users"] for point in article["points"]] == [1]
    assert "gone" in article["failed"]
    assert all(command[-2:] == ["--load-format", "dummy"] for command, _ in started)
    assert "--enable-per-request-metrics" not in started[1][0]
    assert "--quantization" in started[1][0]
    assert started[1][1] == {"VLLM_TEST_FORCE_FP8_MARLIN": "1"}
    assert marlin["prediction"]


def test_when_no_set_starts_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def served(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
        raise RuntimeError("vLLM did not start:\nno such flag")

    monkeypatch.setattr(flag_sets, "served", served)
    monkeypatch.setattr(flag_sets, "require_vllm", lambda command: None)
    out = tmp_path / "out.json"
    assert benchmark.main(["flags", str(FILES[0]), "--out", str(out), "--only", "bf16"]) == 2
    told = capsys.readouterr()
    assert "failed: no such flag" in told.out
    assert "No set could be measured" in told.err
    assert not out.exists()


def test_only_flags_takes_words_for_vllm(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmark.main(["compare", "a.json", "b.json", "--", "--load-format", "dummy"])
    assert ended.value.code == 2
    assert "takes no --" in capsys.readouterr().err
