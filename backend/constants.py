"""The calibrated constants of the planner's two models, memory and speed: `backend/data/calibration.yaml`.

`python -m backend.calibration` derives them from the measurements; a test asserts that the file holds what it derives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from backend.data import STRICT, load


@dataclass(frozen=True)
class Constants:
    """What can't be read off a data sheet."""

    __pydantic_config__ = STRICT

    memory_fixed_gib: float
    """On each GPU beside weights, KV cache and a step's peak: CUDA context, graphs, libraries, what the driver keeps"""
    bandwidth_efficiency: float
    """Reached when weights and cache are read, as a part of the data sheet's"""
    overhead_us_per_layer: Mapping[str, float]
    """Of a step, by kind of weights: bf16 (and fp16), fp8, gptq, awq"""
    compute_efficiency: Mapping[str, float]
    """Reached in large batches, as a part of the data sheet's, by kind of arithmetic: bf16 (and fp16), fp8"""
    eager_us_per_layer: float
    """What the CPU needs to launch a layer's kernels, without CUDA graphs"""
    eager_slowdown: float
    """Of the GPU's own work when writing, without compilation"""
    all_reduce_us: float
    request_ms: float
    """Around the engine: HTTP, counting tokens, scheduling"""


@cache
def constants() -> Constants:
    """Those of the file."""
    return load("calibration.yaml", Constants)
