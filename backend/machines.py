"""Which profiles suit which NVIDIA machine, in order: `backend/machines.yaml`, and the row for the one that is here.

A card is known by its name (`backend/gpus.py`); one without a row of its own, or of which only a part is here (MIG,
vGPU), goes by its memory and compute capability. On a CPU the model decides, not the machine: `backend/profiles.py`.
Limits: NVIDIA only, and GPUs that are alike: the first stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from backend.data import STRICT, load
from backend.gpus import UnknownGpu, find
from backend.hardware import Gpu

ANY = "any"
WHOLE_CARD = 0.9  # of its data sheet's memory; a card of which less is here is a part of one


@dataclass(frozen=True)
class Suggestion:
    """One profile for a machine, why, and the flags to add to it there."""

    __pydantic_config__ = STRICT
    profile: str
    reason: str
    flags: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """A row: a kind of GPU, the number from which on it holds, and what suits it, best first."""

    __pydantic_config__ = STRICT
    gpu: str
    """An id of gpus.yaml; "any": by what follows"""
    profiles: tuple[Suggestion, ...]
    count: int = 1
    memory_gib: float = 0
    """At least this much on each"""
    compute_capability: tuple[int, int] = (0, 0)
    """At least this"""


@dataclass(frozen=True)
class Need:
    """What an option needs of the GPU, and why."""

    __pydantic_config__ = STRICT
    compute_capability: tuple[int, int]
    reason: str


@dataclass(frozen=True)
class Table:
    """The whole file."""

    __pydantic_config__ = STRICT
    machines: tuple[Machine, ...]
    options: Mapping[str, Need]


@cache
def table() -> Table:
    """The file, read strictly; raises backend.data.BadData."""
    return load("../machines.yaml", Table)


def machine(gpus: Sequence[Gpu]) -> Machine | None:
    """The row for these cards; None where nothing suits them."""
    known = known_id(gpus[0])
    rows = [row for row in table().machines if row.gpu == known]
    if not rows:
        rows = [row for row in table().machines if row.gpu == ANY and _reaches(gpus[0], row)]
    fitting = [row for row in rows if row.count <= len(gpus)]
    # the one that asks for most: memory first; of several alike, the first
    return max(fitting, key=lambda row: (row.memory_gib, row.count), default=None)


def known_id(gpu: Gpu) -> str | None:
    """The id of the card, if it is known and wholly here."""
    try:
        facts = find(gpu.name)
    except UnknownGpu:
        return None
    return None if gpu.mig or gpu.memory_gib < WHOLE_CARD * facts.memory_gib else facts.id


def _reaches(gpu: Gpu, row: Machine) -> bool:
    """A capability that the driver does not tell counts as enough: vLLM will say so if it is not."""
    capability = gpu.compute_capability or row.compute_capability
    return gpu.memory_gib >= row.memory_gib and capability >= row.compute_capability
