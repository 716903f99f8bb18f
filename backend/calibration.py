"""Derive the planner's constants from the measurements that are marked for it, and print them as YAML.

    python -m backend.calibration > backend/data/calibration.yaml

Each constant is fitted to one measured value, found by halving an interval; as they depend on each other a little, all
are fitted in turn until they stay. Of the H200's four points for each kind of weights, those at 1 and 256 users are
used; 8 and 64 stay for checking. One value is another card's (A6000 at one user): on one card alone, the efficiency of
its memory and the overhead of a step can't be told apart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from backend.constants import Constants
from backend.measurements import Measurements, Run, measurements
from backend.sizing import GIB, fit, kv_bytes_per_token, serving
from backend.speed import Speed, estimate

START = Constants(
    memory_fixed_gib=1.0,
    bandwidth_efficiency=0.8,
    overhead_us_per_layer={"bf16": 50.0, "fp8": 50.0, "gptq": 50.0, "awq": 50.0},
    compute_efficiency={"bf16": 0.5, "fp8": 0.5},
    eager_us_per_layer=500.0,
    eager_slowdown=1.0,
    all_reduce_us=1.0,
    request_ms=1.0,
)
ROUNDS, HALVINGS, DIGITS = 12, 50, 3


@dataclass(frozen=True)
class Target:
    """One constant (and the key in it, for a table) and the measured value that it is fitted to."""

    constant: str
    key: str | None
    low: float
    high: float
    run: str
    users: int
    what: str  # a field of Point; the estimate's value of the same meaning is `VALUES`


VALUES: dict[str, Callable[[Speed], float]] = {
    "tokens_s": lambda speed: speed.output_throughput,
    "ttft_ms": lambda speed: speed.ttft_ms,
    "tpot_ms": lambda speed: speed.tpot_ms,
}
BF16, EAGER = "BF16, vLLM's defaults", "article's flags (eager)"
TARGETS = (
    Target("overhead_us_per_layer", "bf16", 0, 500, BF16, 1, "tokens_s"),
    Target("bandwidth_efficiency", None, 0.3, 1, "BF16, A6000", 1, "tpot_ms"),
    Target("overhead_us_per_layer", "fp8", 0, 500, "FP8", 1, "tokens_s"),
    Target("overhead_us_per_layer", "gptq", 0, 500, "GPTQ 4-bit", 1, "tokens_s"),
    Target("overhead_us_per_layer", "awq", 0, 500, "AWQ 4-bit", 1, "tokens_s"),
    Target("compute_efficiency", "bf16", 0.1, 1, BF16, 256, "tokens_s"),
    Target("compute_efficiency", "fp8", 0.1, 1, "FP8", 256, "tokens_s"),
    Target("eager_us_per_layer", None, 0, 5000, EAGER, 1, "tokens_s"),
    Target("eager_slowdown", None, 1, 10, EAGER, 256, "tokens_s"),
    Target("all_reduce_us", None, 0, 100, "BF16, two GPUs", 1, "tokens_s"),
    Target("request_ms", None, 0, 100, BF16, 1, "ttft_ms"),
)


def derive(measured: Measurements) -> Constants:
    """The constants that the measurements ask for, to three digits."""
    constants = replace(START, memory_fixed_gib=memory_fixed_gib(measured))
    for _ in range(ROUNDS):
        for target in TARGETS:
            constants = fitted(target, constants, measured.run(target.run))
    return rounded(constants)


def memory_fixed_gib(measured: Measurements) -> float:
    """What is missing between the KV cache that vLLM found room for and what the rest of the arithmetic leaves."""
    cache = measured.kv_cache
    run = replace(measured.runs[0], gpu=cache.gpu, model=cache.model, flags=cache.flags)
    options = serving(cache.flags, run.shape, run.facts)
    without = fit(run.shape, options, run.facts.memory_gib, replace(START, memory_fixed_gib=0.0))
    return without.kv_gib - cache.tokens * kv_bytes_per_token(run.shape, options) / GIB


def fitted(target: Target, constants: Constants, run: Run) -> Constants:
    """The same constants, with one of them fitted."""
    point = run.point(target.users)
    if not point.calibrates:
        raise ValueError(f"{run.name} at {target.users} users is not marked as calibrating")
    wanted: float = getattr(point, target.what)
    low, high = target.low, target.high

    def value(x: float) -> float:
        speed = estimate(
            run.shape,
            run.serving,
            run.facts,
            target.users,
            run.prompt_tokens,
            run.output_tokens,
            put(target, constants, x),
        )
        return VALUES[target.what](speed)

    rising = value(high) > value(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (value(middle) < wanted) == rising:
            low = middle
        else:
            high = middle
    return put(target, constants, (low + high) / 2)


def put(target: Target, constants: Constants, value: float) -> Constants:
    """The same constants with one value changed."""
    changed: Any = value
    if target.key is not None:
        changed = {**getattr(constants, target.constant), target.key: value}
    return replace(constants, **{target.constant: changed})


def rounded(constants: Constants) -> Constants:
    """To three digits: the measurements have no more."""
    for field in fields(constants):
        value: Any = getattr(constants, field.name)
        short: Any = {key: _short(part) for key, part in value.items()} if isinstance(value, dict) else _short(value)
        constants = replace(constants, **{field.name: short})
    return constants


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def main() -> int:
    """Print the file, with where each value comes from."""
    constants = derive(measurements())
    print(
        "# Made by `python -m backend.calibration` from measurements.yaml; backend/constants.py says what each one is."
    )
    print(f"memory_fixed_gib: {constants.memory_fixed_gib:g}  # the KV cache that vLLM reported")
    for field in fields(constants)[1:]:
        value = getattr(constants, field.name)
        origins = [target for target in TARGETS if target.constant == field.name]
        if isinstance(value, float):
            print(f"{field.name}: {value:g}  # {_origin(origins[0])}")
            continue
        print(f"{field.name}:")
        for target in origins:
            print(f"  {target.key}: {value[target.key]:g}  # {_origin(target)}")
    return 0


def _origin(target: Target) -> str:
    return f"{target.what} of {target.run!r} at {target.users} user{'s' if target.users > 1 else ''}"


if __name__ == "__main__":
    sys.exit(main())
