"""Can it be? Measured figures against what memory bandwidth, arithmetic and the KV cache allow.

    a token of one request takes at least   weights read / bandwidth               else it is impossible
    the limit at a load                     (weights + KV cache of all that run) / bandwidth
    arithmetic                              2 x weights in the layers x tokens/s / (TFLOP/s of all GPUs)
    KV cache                                tokens of all that run at once / tokens that it holds

The ceilings are the planner's (`backend/speed.py`, `backend/sizing.py`) with data sheets' figures: nothing passes them.
They are known for a GPU of `backend/data/gpus.yaml` and a model whose shape is; for a CPU there are none, only the KV
cache that its server reports. With speculative decoding a step yields several tokens: no floor for one then.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Any

from backend.benchmark.cost import Point, in_flight, repeats
from backend.benchmark.report_machine import Machine
from backend.sizing import BITS_16, fit, kv_bytes_per_token
from backend.speed import Speed, estimate, read_bytes


@dataclass(frozen=True)
class Judgement:
    """Of one load. Shares are of the limit: 1 is all that can be; None: not known."""

    least_tpot_ms: float | None = None
    """For a user alone: weights over bandwidth"""
    bandwidth: float | None = None
    """The least time of a step at this load over the measured time per token"""
    compute: float | None = None
    kv_tokens: int | None = None
    """That the cache holds"""
    kv_reported: bool = False
    """By the server, rather than estimated"""
    kv_needed: float | None = None
    """Tokens of all requests that ran at once, at their full length"""
    estimate: Speed | None = None
    """Of the planner, for a closed loop"""
    impossible: bool = False

    @property
    def kv(self) -> float | None:
        return self.kv_needed / self.kv_tokens if self.kv_needed is not None and self.kv_tokens else None

    @property
    def nearest(self) -> str | None:
        """The limit that this load came closest to."""
        shares = {"bandwidth": self.bandwidth, "compute": self.compute, "kv": self.kv}
        known = {name: share for name, share in shares.items() if share is not None}
        return max(known, key=lambda name: known[name]) if known and "bandwidth" in known else None


def judge(point: Point, machine: Machine) -> Judgement:
    """One load of a result."""
    figures = point["figures"]
    if not figures["completed"]:
        return Judgement()
    tokens_in = figures["total_input_tokens"] / figures["completed"]
    tokens_out = figures["total_output_tokens"] / figures["completed"]
    found = _kv(point, machine, tokens_in + tokens_out)
    facts, shape, serving = machine.facts, machine.shape, machine.serving
    if facts is None or shape is None or serving is None:
        return found
    at_once = in_flight(point) / serving.data_parallel_size
    bandwidth = facts.bandwidth_gb_s * 1e9 * serving.tensor_parallel_size
    weights = read_bytes(shape, serving.quantization)
    cache = at_once * (tokens_in + tokens_out / 2) * kv_bytes_per_token(shape, serving)
    tpot = figures["median_tpot_ms"]
    if tpot and not machine.speculates:
        least = weights / bandwidth * 1e3
        found = replace(
            found,
            least_tpot_ms=least,
            bandwidth=(weights + cache) / bandwidth * 1e3 / tpot,
            impossible=tpot < least,
        )
    native = serving.quantization == "fp8" and "fp8" in facts.tflops
    peak = facts.tflops["fp8" if native else "fp16"] * 1e12 * serving.gpus
    compute = 2 * shape.linear_parameters * computed_tokens_s(point) / peak
    found = replace(found, compute=compute, impossible=found.impossible or compute > 1)
    if point["kind"] == "concurrency" and fit(shape, serving, facts.memory_gib).fits:
        sizes = max(1, round(tokens_in)), max(1, round(tokens_out))
        found = replace(found, estimate=estimate(shape, serving, facts, int(point["value"]), *sizes))
    return found


def computed_tokens_s(point: Point) -> float:
    """Tokens read and written a second, without those of prompts that the server found in its cache."""
    rates: list[float] = []
    for part in repeats(point):
        figures, server = part["figures"], part["server"] or {}
        tokens = figures["total_input_tokens"] + figures["total_output_tokens"]
        rates.append((tokens - min(server.get("prefix_cache_hits", 0), tokens)) / figures["duration"])
    return statistics.median(rates)


def _kv(point: Point, machine: Machine, tokens: float) -> Judgement:
    running = [part["server"]["max_num_requests_running"] for part in repeats(point) if _tells_running(part)]
    at_once = max(running) if running else point["figures"]["max_concurrent_requests"]
    held, reported = machine.kv_tokens, machine.kv_tokens is not None
    if held is None and machine.facts and machine.shape and machine.serving:
        engines = machine.serving.data_parallel_size
        held = fit(machine.shape, machine.serving, machine.facts.memory_gib).kv_tokens * engines
    return Judgement(kv_tokens=held, kv_reported=reported, kv_needed=at_once * tokens)


def _tells_running(part: dict[str, Any]) -> bool:
    return bool(part["server"]) and "max_num_requests_running" in part["server"]


def weights_name(quantization: str) -> str:
    """For a reader: BF16, FP16, FP8, GPTQ 4-bit, …"""
    return quantization.upper() if quantization in (*BITS_16, "fp8") else f"{quantization.upper()} 4-bit"
