"""What was measured or published, as data: `backend/data/measurements.yaml`. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from backend.data import STRICT, BadData, load
from backend.gpus import GpuFacts, find
from backend.models import ModelShape, shape
from backend.sizing import Serving, serving

ARTICLE = "article"


@dataclass(frozen=True)
class Source:
    """Who measured, with what, when."""

    __pydantic_config__ = STRICT

    ours: bool
    text: str
    date: str


@dataclass(frozen=True)
class Point:
    """What came out, with this many users at once (None: not said)."""

    __pydantic_config__ = STRICT

    users: int | None = None
    tokens_s: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    calibrates: bool = False


@dataclass(frozen=True)
class Run:
    """One server, measured at one or several numbers of users."""

    __pydantic_config__ = STRICT

    name: str
    source: str
    gpu: str
    model: str
    flags: Mapping[str, object]
    prompt_tokens: int
    output_tokens: int
    points: tuple[Point, ...]

    @cached_property
    def facts(self) -> GpuFacts:
        """Of its GPU."""
        return find(self.gpu)

    @cached_property
    def shape(self) -> ModelShape:
        """Of its model."""
        return shape(self.model)

    @cached_property
    def serving(self) -> Serving:
        """What its flags mean."""
        return serving(self.flags, self.shape, self.facts)

    def point(self, users: int) -> Point:
        """The one with so many users."""
        return next(point for point in self.points if point.users == users)


@dataclass(frozen=True)
class KvCache:
    """The tokens that vLLM said its KV cache holds."""

    __pydantic_config__ = STRICT

    source: str
    gpu: str
    model: str
    flags: Mapping[str, object]
    tokens: int


@dataclass(frozen=True)
class Measurements:
    """The file."""

    __pydantic_config__ = STRICT

    sources: Mapping[str, Source]
    kv_cache: KvCache
    runs: tuple[Run, ...]

    def run(self, name: str) -> Run:
        """By its name; names are unique."""
        return next(run for run in self.runs if run.name == name)

    def ours(self) -> list[Run]:
        """Those measured for Pagoda."""
        return [run for run in self.runs if self.sources[run.source].ours]


@cache
def measurements() -> Measurements:
    """The file, checked: names are unique, sources exist."""
    found = load("measurements.yaml", Measurements)
    names = [run.name for run in found.runs]
    for run in found.runs:
        if run.source not in found.sources:
            raise BadData(f"measurements.yaml: the run {run.name!r} has the unknown source {run.source!r}")
        if any(point.tokens_s is None and point.tpot_ms is None for point in run.points):
            raise BadData(f"measurements.yaml: a point of the run {run.name!r} has neither tokens_s nor tpot_ms")
        if names.count(run.name) > 1:
            raise BadData(f"measurements.yaml: two runs are called {run.name!r}")
    return found
