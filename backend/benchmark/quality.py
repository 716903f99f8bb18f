"""What quantization costs in quality: quantized weights beside full-precision ones, on the same prompts.

    python -m backend.benchmark quality --against backend/demo_model/weights --model DIR [DIR ...] --out FILE.json
    python -m backend.benchmark quality --against Qwen/Qwen2.5-7B-Instruct --model Qwen/Qwen2.5-7B-Instruct-AWQ \\
        --prompts article --out FILE.json

A model is a folder or a name on the hub, for which vLLM is started meanwhile, or the API of a server that runs. Without
--prompts the bundled model's held-out conversations are asked. Full precision is asked twice: what differs then is not
the quantization's doing but that of the order in which a busy server adds up. Prints a table and then one JSON line;
the file holds every answer as well. docs/quantization.md says what the figures mean.
Limits: temperature 0, one model of each server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.benchmark import quality_ask as ask
from backend.benchmark import result
from backend.benchmark.endpoint import Endpoint, connect, without_secrets
from backend.benchmark.problems import Problem
from backend.benchmark.quality_prompts import Question, bundled, of_scenario
from backend.benchmark.quality_scores import check_installed, compared, own
from backend.benchmark.quality_table import table

FORMAT, VERSION = "pagoda-quality", 1
BUNDLED_NAME = "pagoda-demo"
AGAIN = "full precision, asked again"
Lines = list[dict[str, Any]]


async def _full(url: str, questions: list[Question], is_bundled: bool) -> tuple[Endpoint, Any, Any]:
    """Full precision's answers, and again to the same prompts."""
    endpoint = await connect(url, None)
    if is_bundled and endpoint.model != BUNDLED_NAME:
        raise Problem(
            f"{without_secrets(url)} serves {endpoint.model}, which the bundled model's conversations are not for: "
            "name what to ask with --prompts, as --prompts article."
        )
    told = await ask.converse(endpoint, questions)
    return endpoint, told, await ask.answers(endpoint, [prompt for prompt, _ in told])


async def _other(url: str, prompts: list[ask.Prompt]) -> tuple[Endpoint, list[ask.Answer]]:
    endpoint = await connect(url, None)
    return endpoint, await ask.answers(endpoint, prompts)


def measure(against: str, models: Sequence[str], prompts: str | None, per_skill: int, seed: int) -> result.Result:
    """Serve and ask one after the other; the whole result. Raises Problem."""
    check_installed()
    for target in (against, *models):
        ask.check(target)
    if prompts is None and not ask.is_url(against) and not _is_bundled(against):
        raise Problem(f"{against} is not the bundled model: name what to ask with --prompts, as --prompts article.")
    questions = bundled(per_skill, seed) if prompts is None else of_scenario(prompts)
    profile = "cpu-demo" if prompts is None else None
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with ask.served(against, profile) as url:
        endpoint, told, again = asyncio.run(_full(url, questions, prompts is None))
    asked, full = [prompt for prompt, _ in told], [answer for _, answer in told]
    lines: Lines = [{"name": "full precision", **_described(against, endpoint), **own(questions, full)}]
    lines.append({"name": AGAIN, **compared(questions, full, again)})
    texts = {"full precision": full, AGAIN: again}
    for model in models:
        with ask.served(model, profile) as url:
            endpoint, given = asyncio.run(_other(url, asked))
        name = without_secrets(model)
        lines.append({"name": name, **_described(model, endpoint), **compared(questions, full, given)})
        texts[name] = given
    return {
        "format": FORMAT,
        "version": VERSION,
        "started": started,
        "prompts": {"from": prompts or "the bundled model's test split", "count": len(questions)},
        "settings": {"per_skill": per_skill, "seed": seed} if prompts is None else {},
        "models": lines,
        "answers": [
            {
                "group": prompt.question.group,
                "messages": prompt.messages,
                **{name: given[number].text for name, given in texts.items()},
            }
            for number, prompt in enumerate(asked)
        ],
    }


def _is_bundled(folder: str) -> bool:
    from backend.profiles import is_bundled

    return is_bundled(folder)


def _described(target: str, endpoint: Endpoint) -> dict[str, Any]:
    """Which weights, by which server."""
    told: dict[str, Any] = {"model": without_secrets(target), "served_as": endpoint.model, "vllm": endpoint.version}
    if ask.is_folder(target):
        config = json.loads((Path(target) / "config.json").read_text(encoding="utf-8"))
        told["quantization"] = config.get("quantization_config")
    return told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", required=True, metavar="MODEL|URL", help="the model in full precision")
    parser.add_argument("--model", required=True, nargs="+", metavar="MODEL|URL", help="its quantized variants")
    parser.add_argument("--prompts", metavar="SCENARIO", help="a scenario of the benchmark, or a file of its kind")
    parser.add_argument(
        "--per-skill", type=int, default=30, help="held-out conversations a skill (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the held-out conversations (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the result goes")
    parser.add_argument("--force", action="store_true", help="replace the file")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Measure, write, print."""
    if options.per_skill < 4:
        raise Problem("--per-skill is at least 4: of fewer some skills would not come up.")
    if len({*options.model, options.against}) <= len(options.model):
        raise Problem("One model is named twice: --against is full precision, each --model another variant.")
    result.check_target(options.out, options.force)
    measured = measure(options.against, options.model, options.prompts, options.per_skill, options.seed)
    result.write(options.out, measured)
    print(table(measured))
    print(f"\nwritten to {options.out}")
    print(json.dumps({key: value for key, value in measured.items() if key != "answers"}, ensure_ascii=False))
    return 0
