"""`agree`: our client beside `vllm bench serve`, on the same server, with the same prompts, in turn.

Each pair is a run of theirs and one of ours, which comes first alternating; every run has a prefix cache of its own
(`cache_salt`), every answer the same length (`ignore_eos`). Needs an environment with vLLM. Prints both clients' output
throughput and TPOT and how far apart their medians are, then one line of JSON; exit code 1 beyond the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import uuid
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.benchmark.arguments import one_number
from backend.benchmark.endpoint import connect
from backend.benchmark.fitting import fit
from backend.benchmark.load import Point
from backend.benchmark.measure import Measure
from backend.benchmark.problems import Problem
from backend.benchmark.progress import Progress
from backend.benchmark.reference import bench_serve, require_vllm
from backend.benchmark.scenario import Scenario, load
from backend.benchmark.settings import Settings
from backend.profiles import BUNDLED_MODEL

COMPARED = ("output_throughput", "median_tpot_ms")
LIMIT_PERCENT = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="a vLLM that runs (default: one is started with the bundled model)")
    parser.add_argument("--tokenizer", default=str(BUNDLED_MODEL), help="folder or id (default: the bundled model)")
    parser.add_argument("--scenario", default="article", help="of single questions (default %(default)s)")
    at_least_one = one_number(int, 1)
    parser.add_argument("--requests", type=at_least_one, default=32, help="a run (default %(default)s)")
    parser.add_argument("--concurrency", type=at_least_one, default=8, help="(default %(default)s)")
    parser.add_argument("--max-tokens", type=at_least_one, default=128, help="of every answer (default %(default)s)")
    parser.add_argument("--pairs", type=at_least_one, default=3, help="(default %(default)s)")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Run the pairs and say how far apart they are."""
    require_vllm("agree")
    if options.url is None:
        from backend.serving import vllm

        serving: Any = vllm(BUNDLED_MODEL)
    else:
        serving = nullcontext(options.url)
    runs: dict[str, list[dict[str, float]]] = {"vllm": [], "ours": []}
    with serving as url:
        settings, scenario = asyncio.run(_prepare(_settings(url, options)))
        for pair in range(options.pairs):
            for name in ("vllm", "ours") if pair % 2 == 0 else ("ours", "vllm"):
                run = theirs(settings, scenario, options.tokenizer) if name == "vllm" else ours(settings, scenario)
                runs[name].append(run)
                print(f"{name:5} {run['output_throughput']:8.1f} tok/s  TPOT {run['median_tpot_ms']:7.2f} ms  "
                      f"TTFT {run['median_ttft_ms']:7.1f} ms", flush=True)  # fmt: skip
    apart = {}
    for figure in COMPARED:
        their, our = (statistics.median(run[figure] for run in runs[name]) for name in ("vllm", "ours"))
        apart[figure] = 100 * (our - their) / their
        print(f"{figure}: vllm bench serve {their:.2f}, ours {our:.2f}: {apart[figure]:+.2f} %")
    agrees = all(abs(percent) <= LIMIT_PERCENT for percent in apart.values())
    print(json.dumps({"agrees": agrees, "apart_percent": apart, "runs": runs}))
    return 0 if agrees else 1


def _settings(url: str, options: argparse.Namespace) -> Settings:
    return Settings(
        url=url,
        model=None,
        scenario=options.scenario,
        concurrency=(options.concurrency,),
        rate=(),
        repeats=1,
        requests=options.requests,
        duration_s=None,
        warmup=2,
        max_tokens=options.max_tokens,
        temperature=0.0,
        ignore_eos=True,
        seed=0,
        skip_too_long=False,
    )


async def _prepare(settings: Settings) -> tuple[Settings, Scenario]:
    """The model's name and the prompts, which must be single questions that fit."""
    scenario = load(settings.scenario).limited(settings.max_tokens)
    if scenario.system_prompt or any(len(prompt.turns) > 1 or prompt.response_format for prompt in scenario.prompts):
        raise Problem(f"Scenario {scenario.name} has more than single questions, which `vllm bench serve` cannot ask.")
    some = tuple(scenario.prompts[number % len(scenario.prompts)] for number in range(settings.requests or 0))
    endpoint = await connect(settings.url, None)
    scenario, _ = await fit(endpoint, replace(scenario, prompts=some), leave_out=False)
    endpoint.wire.close()
    return replace(settings, model=endpoint.model), scenario


def ours(settings: Settings, scenario: Scenario) -> dict[str, float]:
    """One run of our client."""

    async def run() -> dict[str, Any]:
        endpoint = await connect(settings.url, None)
        point = Point("concurrency", settings.concurrency[0])
        progress = Progress([point], {point: len(scenario.prompts)}, sys.stderr)
        measure = Measure(endpoint, scenario, settings, progress, has_metrics=False)
        await measure.warm_up(point)
        _, part = await measure.run(point, 0)
        endpoint.wire.close()
        return part

    part = asyncio.run(run())
    if part["errors"]:
        raise Problem(f"Requests failed: {part['errors']}.")
    return {key: float(part["figures"][key]) for key in (*COMPARED, "median_ttft_ms")}


def theirs(settings: Settings, scenario: Scenario, tokenizer: str) -> dict[str, float]:
    """One run of `vllm bench serve`."""
    assert settings.model is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Its own format for prompts needs pandas, which vLLM does not bring; that of ShareGPT does not.
        talks = [{"conversations": [{"value": prompt.turns[0]}, {"value": ""}]} for prompt in scenario.prompts]
        (folder / "prompts.json").write_text(json.dumps(talks), encoding="utf-8")
        extra = {"temperature": settings.temperature, "cache_salt": uuid.uuid4().hex}
        found = bench_serve(
            *("--backend", "openai-chat", "--base-url", settings.url.removesuffix("/v1")),
            *("--endpoint", "/v1/chat/completions", "--model", settings.model, "--tokenizer", tokenizer),
            *("--dataset-name", "sharegpt", "--disable-shuffle", "--no-oversample"),
            *("--dataset-path", str(folder / "prompts.json"), "--num-prompts", str(len(talks))),
            *("--sharegpt-output-len", str(settings.max_tokens), "--max-concurrency", str(settings.concurrency[0])),
            *("--ignore-eos", "--num-warmups", str(settings.warmup), "--extra-body", json.dumps(extra)),
        )
    if found["completed"] != len(talks):
        raise Problem(
            f"`vllm bench serve` completed {found['completed']} of {len(talks)} requests; it leaves out prompts of "
            "more than 1,024 tokens, and 2,048 with the answer."
        )
    return {key: float(found[key]) for key in (*COMPARED, "median_ttft_ms")}
