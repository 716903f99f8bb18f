"""The benchmark against the real vLLM, and its figures against those of vLLM's own `calculate_metrics`."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.benchmark import result
from backend.benchmark.figures import figures
from backend.benchmark.stream import Outcome
from tests.processes import BACKEND_PYTHON, ROOT

THEIRS = """
import dataclasses, json, sys
from vllm.benchmarks.lib.endpoint_request_func import RequestFuncOutput
from vllm.benchmarks.serve import calculate_metrics
asked = json.load(sys.stdin)
outputs = [RequestFuncOutput(**one) for one in asked["outputs"]]
metrics, _ = calculate_metrics([], outputs, asked["duration"], None, [95, 99], asked["goodput"])
told = dataclasses.asdict(metrics)
for name in ("ttft", "tpot", "itl", "e2el"):
    told |= {f"p{percent}_{name}_ms": value for percent, value in told.pop(f"percentiles_{name}_ms")}
print("figures:" + json.dumps(told, default=float))
"""


def some_outcomes(count: int) -> list[Outcome]:
    chance = random.Random(7)
    outcomes = []
    for number in range(count):
        tokens = chance.choice([1, 2, 17, 200])
        itls = [chance.expovariate(50) for _ in range(tokens - 1)]
        outcome = Outcome(f"p{number}", 0, start_s=chance.uniform(0, 10), ttft_s=chance.uniform(0.05, 1), itls_s=itls)
        outcome.e2el_s = (outcome.ttft_s or 0.0) + sum(itls)
        outcome.prompt_tokens, outcome.output_tokens = chance.randrange(1, 600), tokens
        if chance.random() < 0.1:
            outcome.error = ("HTTP 500", "x")
        outcomes.append(outcome)
    return outcomes


@pytest.mark.timeout(300)  # importing vLLM, on a busy machine
def test_the_figures_are_vllms_to_the_last_digit() -> None:
    outcomes, goodput = some_outcomes(150), {"ttft": 600.0, "tpot": 20.5}
    outputs = [
        {
            "success": one.error is None, "latency": one.e2el_s, "output_tokens": one.output_tokens,
            "ttft": one.ttft_s, "itl": one.itls_s, "prompt_len": one.prompt_tokens, "start_time": one.start_s,
        }
        for one in outcomes
    ]  # fmt: skip
    asked = json.dumps({"outputs": outputs, "duration": 12.5, "goodput": goodput})
    done = subprocess.run(
        [str(BACKEND_PYTHON), "-c", THEIRS], input=asked, capture_output=True, text=True, check=False, cwd=ROOT
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("figures:")), "")
    assert line, done.stderr[-2000:]
    theirs = json.loads(line.removeprefix("figures:"))
    theirs |= {"total_input_tokens": theirs["total_input"], "total_output_tokens": theirs["total_output"]}
    ours = figures(outcomes, 12.5, goodput)
    # Theirs counts those that were under way within the same second.
    own_meaning = {"duration", "max_concurrent_requests"}
    assert set(ours) - own_meaning <= set(theirs)
    for name in set(ours) - own_meaning:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-9), name


@pytest.fixture(scope="module")
def measured(vllm_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The conversations, at two loads, with the environment of the app."""
    out = tmp_path_factory.mktemp("benchmark") / "r.json"
    words = ["--url", vllm_url, "--scenario", "chat", "--requests", "4", "--max-tokens", "64", "--concurrency", "1,4"]
    words += ["--repeats", "2", "--ignore-eos", "--goodput", "ttft:60000", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "backend.benchmark", "run", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return result.read(out)


def test_a_real_run_knows_its_server(measured: dict[str, Any]) -> None:
    server = measured["server"]
    assert server["version"].startswith("0.")
    assert server["card"]["owned_by"] == "vllm"
    assert server["max_model_len"] == 2048
    assert server["cache_config"]["enable_prefix_caching"] == "True"
    assert "vllm.entrypoints.openai.api_server" in server["command_line"]
    assert any("cpu-demo.yaml" in word for word in server["command_line"])


def test_a_real_runs_figures(measured: dict[str, Any]) -> None:
    for point in measured["points"]:
        figures_of = point["figures"]
        assert (figures_of["completed"], figures_of["failed"]) == (16, 0)
        assert figures_of["total_output_tokens"] == 16 * 64
        assert figures_of["request_goodput"] == figures_of["request_throughput"]
        assert 0 < figures_of["median_ttft_ms"] < figures_of["median_e2el_ms"]
    alone, four = measured["points"]
    assert (alone["figures"]["max_concurrent_requests"], four["figures"]["max_concurrent_requests"]) == (1, 4)


def test_the_servers_own_counts_are_ours(measured: dict[str, Any]) -> None:
    for point in measured["points"]:
        for repeat in point["repeats"]:
            assert repeat["server"]["generation_tokens"] == repeat["figures"]["total_output_tokens"]
            assert repeat["server"]["prompt_tokens"] == repeat["figures"]["total_input_tokens"]
            # A conversation finds its own beginning in the cache, and nothing of the repeat before.
            assert 0.05 < repeat["server"]["prefix_cache_hit_rate"] < 0.95
            first = [one for one in repeat["requests"] if one["turn"] == 0]
            later = [one for one in repeat["requests"] if one["turn"] == 3]
            assert all(one["cached_tokens"] >= 128 for one in later)  # a block on the CPU
            assert first[0]["cached_tokens"] in (0, None)


def test_a_scenario_too_long_for_the_bundled_model(vllm_url: str, tmp_path: Path) -> None:
    words = ["--url", vllm_url, "--scenario", "long-context", "--concurrency", "1", "--out", str(tmp_path / "r.json")]
    done = subprocess.run(
        [sys.executable, "-m", "backend.benchmark", "run", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "prompts of scenario long-context do not fit the context of pagoda-demo, 2,048 tokens" in done.stderr
    assert "leave them out with --skip-too-long" in done.stderr
    assert not (tmp_path / "r.json").exists()
