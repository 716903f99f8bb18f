"""The commands of the benchmark.

    python -m backend.benchmark run --scenario article --concurrency 1,8,64 --goodput ttft:500 tpot:50 --out FILE.json
    python -m backend.benchmark report FILE.json --out FILE.html --price 1.8 --currency CNY
    python -m backend.benchmark compare A.json B.json
    python -m backend.benchmark flags backend/data/flag_sets/h200.yaml --out FILE.json      # sets of flags side by side
    python -m backend.benchmark quality --against MODEL --model MODEL --out FILE.json      # what quantization costs
    python -m backend.benchmark agree      # beside `vllm bench serve`, where vLLM is installed

Exit codes: 0, 2 for what the user can put right (a sentence says what), 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.benchmark import agree, compare, flag_sets, quality, report, result, table
from backend.benchmark.arguments import numbers, one_number
from backend.benchmark.figures import parse_goodput
from backend.benchmark.problems import Problem, Stopped
from backend.benchmark.run import measure
from backend.benchmark.scenario import names
from backend.benchmark.settings import Settings
from backend.console import exit_with
from backend.refusal import Refusal


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m backend.benchmark", description="Measure an inference server.")
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, and write one JSON file")
    run.add_argument("--url", default="http://127.0.0.1:8000/v1", help="the API (default %(default)s)")
    run.add_argument("--model", help="which of the server's models (default: its first)")
    run.add_argument("--scenario", default="article", help=f"{', '.join(names())}, or a file (default %(default)s)")
    run.add_argument("--concurrency", type=numbers(int), default=(), help="closed loop: users at once, as 1,8,64")
    run.add_argument("--rate", type=numbers(float), default=(), help="open loop: prompts a second, as 2,4")
    run.add_argument("--repeats", type=one_number(int, 1), default=3, help="of every load (default %(default)s)")
    size = run.add_mutually_exclusive_group()
    size.add_argument("--requests", type=one_number(int, 1), help="prompts a run (default: all, and 4 for each user)")
    size.add_argument("--duration", type=one_number(float, 1), help="seconds in which a run begins requests")
    run.add_argument(
        "--warmup", type=one_number(int, 0), default=2, help="requests before a load (default %(default)s)"
    )
    run.add_argument("--max-tokens", type=one_number(int, 1), help="of an answer (default: the scenario's)")
    run.add_argument("--temperature", type=one_number(float, 0), default=0.0)
    run.add_argument("--ignore-eos", action="store_true", help="every answer as long as it may be (vLLM only)")
    run.add_argument("--goodput", nargs="+", default=[], metavar="NAME:MS", help="limits, as ttft:500 tpot:50")
    run.add_argument("--seed", type=int, default=0, help="of the arrivals (default %(default)s)")
    run.add_argument("--skip-too-long", action="store_true", help="leave out prompts that do not fit the context")
    run.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the result goes")
    run.add_argument("--force", action="store_true", help="replace the file")
    run.set_defaults(main=run_main)
    report.add_arguments(commands.add_parser("report", help="what results cost, judged: a page and a table"))
    compare.add_arguments(commands.add_parser("compare", help="what differs between two results"))
    flag_sets.add_arguments(commands.add_parser("flags", help="sets of vLLM's flags side by side on this machine"))
    quality.add_arguments(commands.add_parser("quality", help="what quantized weights answer otherwise, and worse"))
    agree.add_arguments(commands.add_parser("agree", help="our client beside `vllm bench serve`, in pairs"))
    return top


def run_main(options: argparse.Namespace) -> int:
    """Measure and write."""
    result.check_target(options.out, options.force)
    settings = Settings(
        url=options.url,
        model=options.model,
        scenario=options.scenario,
        concurrency=options.concurrency or (() if options.rate else (1, 8)),
        rate=options.rate,
        repeats=options.repeats,
        requests=options.requests,
        duration_s=options.duration,
        warmup=options.warmup,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        ignore_eos=options.ignore_eos,
        seed=options.seed,
        skip_too_long=options.skip_too_long,
        goodput_ms=parse_goodput(options.goodput),
    )
    measured = asyncio.run(measure(settings, ["python", "-m", "backend.benchmark", *sys.argv[1:]]))
    out = options.out
    if not measured["complete"] and out.exists():
        out = out.with_name(f"{out.stem}.partial{out.suffix}")  # a whole result is not replaced by a part
    unwritten: Problem | None = None
    try:
        result.write(out, measured)
    except Problem as problem:
        unwritten = Problem(f"{problem} {result.rescue(out, measured)}")
    print(table.table(measured))
    if unwritten:
        raise unwritten
    if measured["complete"]:
        print(f"\nwritten to {out}")
        return 0
    print(f"\n{measured['stopped']}: what was measured until then is in {out}, marked as incomplete")
    return 130


def main(argv: Sequence[str] | None = None) -> int:
    """Any of the commands. By hand: what follows `--` (argparse takes it elsewhere in each Python)."""
    words = list(sys.argv[1:] if argv is None else argv)
    own = words[: words.index("--")] if "--" in words else words
    options = parser().parse_args(own, argparse.Namespace(extra=words[len(own) + 1 :]))
    if options.extra and options.command != "flags":
        parser().error(f"{options.command} takes no -- and nothing after it")
    try:
        return int(options.main(options))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C.", file=sys.stderr)
        return 130
    except (Problem, Refusal) as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    exit_with(main)
