"""The parts of a result that the report reads, checked before anything is worked out from them.

`result.py` checks that a file is a result at all; this, that nobody has edited one into something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backend.benchmark.problems import Problem
from backend.benchmark.result import Result

FIGURES = (
    *("completed", "failed", "duration", "total_input_tokens", "total_output_tokens", "request_throughput"),
    *("output_throughput", "max_concurrent_requests", "median_ttft_ms", "p95_ttft_ms", "median_tpot_ms", "p95_tpot_ms"),
)


@dataclass(frozen=True)
class Settings:
    repeats: int
    goodput_ms: Mapping[Literal["ttft", "tpot", "e2el"], float]


@dataclass(frozen=True)
class PromptTokens:
    median: float


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
    """The result itself; raises Problem where a part is missing or of the wrong kind, or nothing was answered."""
    from pydantic import TypeAdapter, ValidationError  # late: `run` must not need it

    try:
        needed = TypeAdapter(Needed).validate_python(result)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(_edited(file, ".".join(str(part) for part in first["loc"]), first["msg"])) from None
    for number, point in enumerate(needed.points):
        for where, figures in [("", point.figures), *((".repeats", part.figures) for part in point.repeats)]:
            if missing := [name for name in FIGURES if name not in figures]:
                raise Problem(_edited(file, f"points.{number}{where}.figures", f"no {missing[0]}"))
        if not point.repeats:
            raise Problem(_edited(file, f"points.{number}.repeats", "there is none"))
    if not any(point.figures["completed"] for point in needed.points):
        raise Problem(f"In {file} no request was answered: there is nothing to report.")
    return result


def _edited(file: Path, where: str, what: Any) -> str:
    return f"{file}: {where}: {what}. Was it edited? Measure again with `run`."
