"""What `report` and `compare` take for a result: every one that `run` writes, and none that was edited."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark.__main__ import main
from backend.benchmark.figures import figures, over_repeats
from backend.benchmark.measure import record
from backend.benchmark.problems import Problem
from backend.benchmark.report_input import checked
from backend.benchmark.result import read
from backend.benchmark.stream import Outcome
from tests.timed_server import Plan, TimedServer
from tests.unit import benchmark_results
from tests.unit.test_benchmark_clock import measured, scenario


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two loads, twice each, of a server that neither counts prompts nor answers everything."""
    plans = [Plan(), Plan(ttft_s=0.3, tokens=30), Plan(status=503), Plan(tokens=1), Plan(cut_after=3)]
    server = TimedServer(lambda question: plans[int(question.split()[-1])])
    folder = tmp_path_factory.mktemp("genuine")
    limits = {"ttft": 100.0, "tpot": 20.0}
    result = measured(server, scenario(folder, 5), concurrency=(1, 2), repeats=2, requests=5, goodput_ms=limits)
    read_back: dict[str, Any] = json.loads(json.dumps(result))
    return read_back


def saved(folder: Path, result: dict[str, Any]) -> Path:
    file = folder / "r.json"
    file.write_text(json.dumps(result), encoding="utf-8")
    return file


def test_a_server_that_does_not_count_prompts_gets_its_report(genuine: dict[str, Any], tmp_path: Path) -> None:
    assert genuine["scenario"]["prompt_tokens"] == {"least": None, "median": None, "most": None}
    file = saved(tmp_path, genuine)
    assert main(["report", str(file), "--out", str(tmp_path / "r.html"), "--price", "1"]) == 0
    assert main(["compare", str(file), str(file)]) == 0


def some_outcomes(chance: random.Random) -> list[Outcome]:
    """Answers one after the other and at once, with times of full precision, many just at a limit."""
    outcomes, now = [], 0.0
    for _ in range(chance.randrange(1, 40)):
        tokens = chance.choice([1, 2, 17])
        itls = [chance.choice([0.02, chance.expovariate(50)]) for _ in range(tokens - 1)]
        ttft_s = chance.choice([0.1, chance.uniform(0, 1)])
        one = Outcome("p", 0, now, ttft_s, ttft_s + sum(itls), itls, chance.choice([None, 9]), tokens)
        if chance.random() < 0.2:
            one.error = ("HTTP 500", "x")
        outcomes.append(one)
        now += chance.choice([0.0, one.e2el_s])
    return outcomes


@pytest.mark.parametrize("seed", range(100))
def test_whatever_run_writes_is_read(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    outcomes, limits = some_outcomes(chance), {"ttft": 100.0, "tpot": 20.0}
    outcomes[0].error = None
    duration_s = max(one.start_s + one.e2el_s for one in outcomes)
    counted = figures(outcomes, duration_s, limits)
    streams = sum(one.e2el_s for one in outcomes) / duration_s
    part = benchmark_results.point(8, 9, 9, 9)["repeats"][0] | {
        "figures": counted,
        "client": {"mean_streams": streams},
        "requests": [record(one, 0.0) for one in outcomes],
    }
    medians, spread = over_repeats([counted])
    load = {"kind": "concurrency", "value": 8, "figures": medians, "spread": spread, "repeats": [part]}
    file = saved(tmp_path, benchmark_results.result([load], goodput_ms=limits))
    checked(file, read(file))


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("points.0.figures.output_throughput", 9999, "output_throughput is 9999, and the median of its repeats is"),
        ("points.0.figures.output_throughput", -5, "output_throughput is -5"),
        ("points.0.figures.median_ttft_ms", -3, "median_ttft_ms is -3"),
        ("points.0.figures.median_ttft_ms", "99", "points.0.figures.median_ttft_ms: Input should be a valid number"),
        ("points.0.figures.median_ttft_ms", None, "median_ttft_ms is nothing, and the median of its repeats is"),
        ("points.0.figures.total_input_tokens", None, "total_input_tokens is null"),
        ("points.0.figures.request_throughput", 0, "request_throughput is 0, and"),
        ("points.0.figures.median_tpot_ms", float("nan"), "is not JSON: NaN is no finite number"),
        ("points.1.value", 0, "points.1.value: 0 is not above 0"),
        ("points.1.repeats.0.complete", "no", "points.1.repeats.0.complete: Input should be a valid boolean"),
        ("points.1.repeats.0.figures.duration", 0, "duration is 0"),
        ("points.1.repeats.0.figures.duration", 0.1, "points.1.repeats.0: figures.duration is 0.1 s, and its requests"),
        ("points.1.repeats.1.figures.completed", 5, "figures.completed is 5, and its requests make 3"),
        ("points.1.repeats.1.figures.p99_ttft_ms", 1, "figures.p99_ttft_ms is 1, and its requests make"),
        ("points.1.repeats.1.figures.median_itl_ms", 999, "figures.median_itl_ms is 999, and its requests make"),
        ("points.1.repeats.1.figures.request_goodput", 9, "figures.request_goodput is 9, and its requests make"),
        ("points.1.repeats.1.figures.max_concurrent_requests", 64, "max_concurrent_requests is 64, and its requests"),
        ("points.1.repeats.1.client.mean_streams", -1, "figures.mean_streams is -1, and its requests make"),
        ("points.1.repeats.1.requests.0.output_tokens", 500, "and its requests make"),
        ("points.1.repeats.1.requests.0.ttft_ms", 1, "and its requests make"),
        ("server.command_line", ["vllm", "serve", "m", "--max-model-len", "abc"], "max-model-len"),
    ],
)
def test_an_edited_file_is_refused_in_a_sentence(
    genuine: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
    value: object,
    said: str,
) -> None:
    edited = copy.deepcopy(genuine)
    *parents, last = where.split(".")
    at: Any = edited
    for name in parents:
        at = at[int(name)] if name.isdigit() else at[name]
    at[last] = value
    file = saved(tmp_path, edited)
    words = ["--price", "1", "--gpu", "l4", "--model", benchmark_results.SEVEN]
    assert main(["report", str(file), "--out", str(tmp_path / "r.html"), *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("name", ["complete", "figures"])
def test_compare_reads_as_strictly(
    genuine: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    edited = copy.deepcopy(genuine)
    del edited["points"][0]["repeats"][0][name]
    file = saved(tmp_path, edited)
    assert main(["compare", str(file), str(file)]) == 2
    assert f"points.0.repeats.0.{name}: Field required. Was it edited?" in capsys.readouterr().err


def test_a_file_that_was_read_is_a_result(genuine: dict[str, Any], tmp_path: Path) -> None:
    file = saved(tmp_path, genuine)
    assert checked(file, read(file)) == genuine
    with pytest.raises(Problem, match="no request was answered"):
        checked(file, genuine | {"points": []})
