"""The parts of a result that `report` and `compare` read, checked before anything is worked out from them.

`result.py` checks that a file is a result at all; this, that nobody has edited one into something else: each part is
there and of its kind, no figure is below zero, and all are what the file's own requests make (`recount.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backend.benchmark.problems import Problem
from backend.benchmark.recount import unlike_repeats, unlike_requests
from backend.benchmark.result import Result

COUNTED = (
    *("completed", "failed", "duration", "total_input_tokens", "total_output_tokens", "request_throughput"),
    *("output_throughput", "max_concurrent_requests"),
)
TIMES = ("median_ttft_ms", "p95_ttft_ms", "median_tpot_ms", "p95_tpot_ms")  # None where nothing was answered


@dataclass(frozen=True)
class Settings:
    repeats: int
    goodput_ms: Mapping[Literal["ttft", "tpot", "e2el"], float]


@dataclass(frozen=True)
class PromptTokens:
    median: float | None  # of a server that does not count


@dataclass(frozen=True)
class Scenario:
    name: str
    sha256: str
    prompts: int
    left_out: Sequence[object]
    prompt_tokens: PromptTokens


@dataclass(frozen=True)
class Server:
    url: str
    model: str
    card: Mapping[str, object]
    version: str | None
    max_model_len: int | None
    cache_config: Mapping[str, str]
    command_line: Sequence[str] | None


@dataclass(frozen=True)
class Card:
    name: str
    memory_gib: float
    free_gib: float
    compute_capability: tuple[int, int] | None


@dataclass(frozen=True)
class Hardware:
    machine: str
    cores: int
    gpus: Sequence[Card] = ()


@dataclass(frozen=True)
class Client:
    python: str
    platform: str
    cpu: str | None
    pagoda_commit: str | None
    hardware: Hardware


@dataclass(frozen=True)
class Load:
    mean_streams: float


@dataclass(frozen=True)
class Request:
    ttft_ms: float | None
    tpot_ms: float | None
    e2el_ms: float | None
    start_ms: float | None = None
    max_itl_ms: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Repeat:
    complete: bool
    figures: Mapping[str, float | None]
    server: Mapping[str, float] | None
    client: Load
    requests: Sequence[Request]


@dataclass(frozen=True)
class Point:
    kind: Literal["concurrency", "rate"]
    value: float
    figures: Mapping[str, float | None]
    repeats: Sequence[Repeat]


@dataclass(frozen=True)
class Needed:
    """All of it; what else a result holds is not looked at."""

    complete: bool
    stopped: str | None
    started: str
    finished: str
    command: str
    settings: Settings
    scenario: Scenario
    server: Server
    client: Client
    points: Sequence[Point]


def checked(file: Path, result: Result) -> Result:
    """The result itself; raises Problem where a part is missing or can't be, or nothing was answered."""
    from pydantic import TypeAdapter, ValidationError  # late: `run` must not need it

    try:
        needed = TypeAdapter(Needed).validate_json(json.dumps(result), strict=True)  # a number is no text with digits
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(_edited(file, ".".join(str(part) for part in first["loc"]), first["msg"])) from None
    limits = result["settings"]["goodput_ms"]
    for number, point in enumerate(result["points"]):
        parts = [(f"points.{number}.repeats.{at}", part) for at, part in enumerate(point["repeats"])]
        for where, part in [(f"points.{number}", point), *parts]:
            if wrong := _wrong_figure(part["figures"]):
                raise Problem(_edited(file, f"{where}.figures", wrong))
        if point["value"] <= 0:
            raise Problem(_edited(file, f"points.{number}.value", f"{point['value']:g} is not above 0"))
        if not parts:
            raise Problem(_edited(file, f"points.{number}.repeats", "there is none"))
        for where, part in parts:
            if wrong := unlike_requests(part, limits):
                raise Problem(_edited(file, where, wrong))
        if wrong := unlike_repeats(point):
            raise Problem(_edited(file, f"points.{number}", wrong))
    if not any(point.figures["completed"] for point in needed.points):
        raise Problem(f"In {file} no request was answered: there is nothing to report.")
    return result


def _wrong_figure(figures: Mapping[str, float | None]) -> str | None:
    """What is missing, or can't be whatever was measured."""
    if missing := [name for name in (*COUNTED, *TIMES) if name not in figures]:
        return f"no {missing[0]}"
    for name, value in figures.items():
        if value is None and name in COUNTED:
            return f"{name} is null"
        if value is not None and (value < 0 or (value == 0 and name == "duration")):
            return f"{name} is {value:g}"
    return None


def _edited(file: Path, where: str, what: Any) -> str:
    return f"{file}: {where}: {what}. Was it edited? Measure again with `run`."
