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

from backend.benchmark.cost import Point, in_flight, repeats, tokens_in
from backend.benchmark.report_machine import Machine
from backend.gpus import GpuFacts
from backend.sizing import BITS_16, Serving, fit, kv_bytes_per_token
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
    read, written = tokens_in(point), figures["total_output_tokens"] / figures["completed"]
    found = _kv(point, machine, read + written if read else None)
    facts, shape, serving = machine.facts, machine.shape, machine.serving
    if facts is None or shape is None or serving is None:
        return found
    bandwidth = facts.bandwidth_gb_s * 1e9 * serving.tensor_parallel_size
    weights = read_bytes(shape, serving.quantization)
    tpot = figures["median_tpot_ms"]
    if tpot and not machine.speculates:
        least = weights / bandwidth * 1e3
        found = replace(found, least_tpot_ms=least, impossible=tpot < least)
    if read is None:
        return found  # neither caches nor arithmetic can be told without the prompts
    if found.least_tpot_ms:
        at_once = in_flight(point) / serving.data_parallel_size
        cache = at_once * (read + written / 2) * kv_bytes_per_token(shape, serving)
        found = replace(found, bandwidth=(weights + cache) / bandwidth * 1e3 / tpot)
    compute = 2 * shape.linear_parameters * computed_tokens_s(point) / (tflops(serving, facts) * 1e12)
    found = replace(found, compute=compute, impossible=found.impossible or compute > 1)
    if point["kind"] == "concurrency" and fit(shape, serving, facts.memory_gib).fits:
        sizes = max(1, round(read)), max(1, round(written))
        found = replace(found, estimate=estimate(shape, serving, facts, int(point["value"]), *sizes))
    return found


def tflops(serving: Serving, facts: GpuFacts) -> float:
    """Of all its GPUs: in FP8 where the weights are and the card computes in it."""
    native = serving.quantization == "fp8" and "fp8" in facts.tflops
    return facts.tflops["fp8" if native else "fp16"] * serving.gpus


def computed_tokens_s(point: Point) -> float:
    """Tokens read and written a second, without those of prompts that the server found in its cache."""
    rates: list[float] = []
    for part in repeats(point):
        figures, server = part["figures"], part["server"] or {}
        tokens = figures["total_input_tokens"] + figures["total_output_tokens"]
        rates.append((tokens - min(server.get("prefix_cache_hits", 0), tokens)) / figures["duration"])
    return statistics.median(rates)


def _kv(point: Point, machine: Machine, tokens: float | None) -> Judgement:
    # Once a second is seldom enough to see the most that ran, unless there was a queue: then it is the server's limit.
    queued = [part for part in looked_at(point) if part.get("max_num_requests_waiting")]
    at_once = max(
        (part["max_num_requests_running"] for part in queued), default=point["figures"]["max_concurrent_requests"]
    )
    held, reported = machine.kv_tokens, machine.kv_tokens is not None
    if held is None and machine.facts and machine.shape and machine.serving:
        engines = machine.serving.data_parallel_size
        held = fit(machine.shape, machine.serving, machine.facts.memory_gib).kv_tokens * engines
    return Judgement(kv_tokens=held, kv_reported=reported, kv_needed=tokens and at_once * tokens)


def looked_at(point: Point) -> list[dict[str, Any]]:
    """What the server told of itself while requests ran: a short run may be over before the first look."""
    return [part["server"] for part in repeats(point) if (part["server"] or {}).get("max_num_requests_running")]


def weights_name(serving: Serving) -> str:
    """For a reader: BF16, FP16, FP8, GPTQ 4-bit, GPTQ 8-bit, …"""
    name = serving.quantization.upper()
    return name if serving.quantization in (*BITS_16, "fp8") else f"{name} {serving.weight_bits}-bit"
