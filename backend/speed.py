"""How fast? A small physical model of vLLM's steps, calibrated on measurements (`backend/calibration.py`).

One step of the engine takes

    both of weights read / (bandwidth x efficiency) and 2 x weights x tokens / (TFLOP/s x efficiency)
    + KV cache read / (bandwidth x efficiency)      (reading a prompt: arithmetic of its attention instead)
    + layers x overhead                             (launching and joining kernels; more for 4-bit ones)
    + layers x 2 all-reduces                        (tensor parallelism only: latency + bytes / link)

and, with --enforce-eager, no less than the CPU needs to launch it. All users ask at once and again when answered: the
server reads the prompts in steps of `max_num_batched_tokens` and then writes words for all. Users beyond what the KV
cache and `max_num_seqs` hold wait. Limits: prompts of one length, no prefix cache, no speculation, no grammar, no LoRA.
An estimate, never a measurement: docs/planner.md says how far it was off where that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from backend.constants import Constants, constants
from backend.gpus import GpuFacts
from backend.models import ModelShape
from backend.sizing import BITS_16, Serving, bytes_per_weight, fit, kv_bytes_per_token


@dataclass(frozen=True)
class Speed:
    """An estimate. Milliseconds are those of the median user; tokens/s of all together."""

    output_throughput: float
    ttft_ms: float
    tpot_ms: float
    running: int
    """Sequences that run at once, on all engines; the other users wait"""
    steps: tuple[str, ...] = ()


def ceiling_tokens_s(shape: ModelShape, serving: Serving, facts: GpuFacts) -> float:
    """What memory bandwidth allows one user: no kernel, however good, reads the weights faster."""
    return facts.bandwidth_gb_s * 1e9 * serving.tensor_parallel_size / read_bytes(shape, serving.quantization)


def read_parameters(shape: ModelShape) -> int:
    """Those that one step reads: all but the table of words, of which it takes a few rows."""
    return shape.parameters - (0 if shape.tied_embeddings else shape.embedding_parameters)


def read_bytes(shape: ModelShape, quantization: str) -> float:
    """The weights that one step reads."""
    rest = read_parameters(shape) - shape.linear_parameters
    return shape.linear_parameters * bytes_per_weight(shape, quantization) + 2 * rest


def both(reading_s: float, computing_s: float) -> float:
    """They overlap, but not wholly where they take equally long: a maximum with a rounded corner (docs/planner.md)."""
    return math.hypot(reading_s, computing_s)


@dataclass(frozen=True)
class Engine:
    """One engine (the GPUs of one tensor-parallel group): seconds per step."""

    shape: ModelShape
    serving: Serving
    facts: GpuFacts
    constants: Constants

    @cached_property
    def bandwidth(self) -> float:
        """Bytes/s that are reached, of all its GPUs."""
        return self.facts.bandwidth_gb_s * 1e9 * self.serving.tensor_parallel_size * self.constants.bandwidth_efficiency

    @cached_property
    def arithmetic(self) -> float:
        """FLOP/s that are reached: FP8 where the card has it, else 16 bits, into which other weights are unpacked."""
        native = self.serving.quantization == "fp8" and "fp8" in self.facts.tflops
        kind = "fp8" if native else "bf16"
        peak = self.facts.tflops["fp8" if native else "fp16"] * 1e12
        return peak * self.serving.tensor_parallel_size * self.constants.compute_efficiency[kind]

    @cached_property
    def weights_s(self) -> float:
        """Reading the weights once."""
        return read_bytes(self.shape, self.serving.quantization) / self.bandwidth

    @cached_property
    def overhead_s(self) -> float:
        """What a step takes beyond reading and computing."""
        kind = "bf16" if self.serving.quantization in BITS_16 else self.serving.quantization
        by_kind = self.constants.overhead_us_per_layer
        return self.shape.layers * by_kind.get(kind, max(by_kind.values())) / 1e6

    def exchange_s(self, tokens: int) -> float:
        """Two all-reduces a layer: latency, and the activations over the link."""
        parallel = self.serving.tensor_parallel_size
        if parallel == 1:
            return 0.0
        sent = tokens * self.shape.hidden_size * 2 * 2 * (parallel - 1) / parallel
        return 2 * self.shape.layers * (self.constants.all_reduce_us / 1e6 + sent / (self.facts.link_gb_s * 1e9))

    def decode_s(self, sequences: int, context: float) -> float:
        """One step that writes a token for each sequence."""
        flops = 2 * read_parameters(self.shape) * sequences
        cache = sequences * context * kv_bytes_per_token(self.shape, self.serving) / self.bandwidth
        gpu = both(self.weights_s, flops / self.arithmetic) + cache + self.overhead_s + self.exchange_s(sequences)
        return max(gpu * self.constants.eager_slowdown, self._launch_s) if self.serving.enforce_eager else gpu

    def products_s(self, tokens: int) -> float:
        """Multiplying the weights with `tokens` of prompts."""
        return 2 * self.shape.linear_parameters * tokens / self.arithmetic

    def attention_s(self, tokens: int, prompt_tokens: int) -> float:
        """Scores and values, causal: each token looks at half of its prompt on average."""
        heads = self.shape.layers * self.shape.heads * self.shape.head_dim
        return 2 * 2 * heads * tokens * prompt_tokens / 2 / self.arithmetic

    def prefill_s(self, tokens: int, prompt_tokens: int) -> float:
        """One step that reads `tokens` of prompts of this length."""
        gpu = both(self.weights_s, self.products_s(tokens)) + self.attention_s(tokens, prompt_tokens)
        gpu += self.overhead_s + self.exchange_s(tokens)
        return max(gpu, self._launch_s) if self.serving.enforce_eager else gpu

    @cached_property
    def _launch_s(self) -> float:
        return self.shape.layers * self.constants.eager_us_per_layer / 1e6


def estimate(
    shape: ModelShape,
    serving: Serving,
    facts: GpuFacts,
    users: int,
    prompt_tokens: int,
    output_tokens: int,
    known: Constants | None = None,
) -> Speed:
    """With `users` who all ask at once, and again when answered. Call it for what fits (`sizing.fit`)."""
    engine = Engine(shape, serving, facts, known or constants())
    asking = math.ceil(users / serving.data_parallel_size)  # of each engine
    whole = prompt_tokens + output_tokens
    held = fit(shape, serving, facts.memory_gib, known).kv_tokens // whole
    running = max(1, min(asking, serving.max_num_seqs, held))
    steps = math.ceil(running * prompt_tokens / serving.max_num_batched_tokens)
    each = math.ceil(running * prompt_tokens / steps)
    prefill = engine.prefill_s(each, prompt_tokens)
    decode = engine.decode_s(running, prompt_tokens + output_tokens / 2)
    round_s = steps * prefill + (output_tokens - 1) * decode
    median = median_step(running, prompt_tokens, serving.max_num_batched_tokens)
    first = median * prefill
    waiting = (asking - running) / running * round_s
    ttft_ms = (first + waiting) * 1e3 + engine.constants.request_ms
    queue = f", {waiting * 1e3:,.0f} ms for a place" if waiting else ""
    return Speed(
        output_throughput=running * output_tokens / round_s * min(serving.data_parallel_size, users / asking),
        ttft_ms=ttft_ms,
        tpot_ms=(round_s - first) / max(1, output_tokens - 1) * 1e3,
        running=min(users, running * serving.data_parallel_size),
        steps=(
            f"reading    {steps} step{'s' if steps > 1 else ''} of {each:,} tokens, {prefill * 1e3:.1f} ms each: "
            f"weights {engine.weights_s * 1e3:.2f} and arithmetic {engine.products_s(each) * 1e3:.2f} overlapped "
            f"{both(engine.weights_s, engine.products_s(each)) * 1e3:.2f}, "
            f"attention {engine.attention_s(each, prompt_tokens) * 1e3:.2f}, overhead {engine.overhead_s * 1e3:.2f}"
            + (f", all-reduces {engine.exchange_s(each) * 1e3:.2f}" if serving.tensor_parallel_size > 1 else ""),
            f"first      {median:g} x {prefill * 1e3:.1f} ms, {engine.constants.request_ms:g} ms around the engine "
            f"(calibrated){queue} = {ttft_ms:,.1f} ms, median",
            f"writing    {output_tokens - 1} steps of {decode * 1e3:.2f} ms: weights {engine.weights_s * 1e3:.2f}, "
            f"overhead {engine.overhead_s * 1e3:.2f}, the rest KV cache and arithmetic",
            f"together   {running} x {output_tokens} tokens in {round_s:.2f} s",
        ),
    )


def median_step(prompts: int, prompt_tokens: int, tokens_per_step: int) -> float:
    """In which step the median prompt is read to its end, when all are read in turn."""
    middle = ((prompts + 1) // 2, prompts // 2 + 1)
    return sum(math.ceil(number * prompt_tokens / tokens_per_step) for number in middle) / 2
