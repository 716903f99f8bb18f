"""What is known of a GPU model from its maker's data sheet: memory, bandwidth, compute capability, dense TFLOP/s.

The figures are in `backend/data/gpus.yaml`, each with source and date. What a driver reports of the card that is there
is `backend/hardware.py`'s business. Limits: boost clocks and data sheets; a power-capped or partitioned card has less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from backend.data import STRICT, load


class UnknownGpu(Exception):
    """No facts about a GPU of this name; the message says which names there are."""


@dataclass(frozen=True)
class GpuFacts:
    """One GPU model. `tflops` are dense, by type of number; a type that is absent has no tensor core of its own."""

    __pydantic_config__ = STRICT

    id: str
    name: str
    aliases: tuple[str, ...]
    memory_gib: float
    """What the driver reports as total, which is less than the label"""
    label_gb: int
    bandwidth_gb_s: float
    compute_capability: tuple[int, int]
    tflops: Mapping[str, float]
    source: str
    date: str
    link_gb_s: float = 32.0
    """To another GPU of the host, in one direction; PCIe 4.0 unless the data say otherwise"""
    note: str = ""


@cache
def known() -> tuple[GpuFacts, ...]:
    """Every GPU with facts, in the file's order: from the smallest to the largest."""
    return load("gpus.yaml", tuple[GpuFacts, ...])


def find(name: str) -> GpuFacts:
    """By id, alias, or the name that the driver reports ("l4", "L4", "NVIDIA L4")."""
    wanted = plain(name)
    for facts in known():
        if wanted in _names(facts):
            return facts
    near = [facts.id for facts in known() if len(wanted) > 1 and any(wanted in name for name in _names(facts))]
    if near:
        raise UnknownGpu(f"No GPU is known by the name {name!r}: did you mean {' or '.join(near)}?")
    names = ", ".join(facts.id for facts in known())
    raise UnknownGpu(f"Nothing is known of a GPU {name!r}; there are facts about {names}.")


def _names(facts: GpuFacts) -> set[str]:
    return {plain(name) for name in (facts.id, facts.name, *facts.aliases)}


def plain(name: str) -> str:
    """A name without what makers and drivers write around it: "NVIDIA GeForce RTX 3090" and "rtx3090" are the same."""
    return re.sub(r"[^a-z0-9]|nvidia|geforce|tesla", "", name.lower())
