"""Does it fit? The memory arithmetic: weights, overhead, KV cache, and the sequences that it holds.

    weights    parameters x bytes, shared among the GPUs of a tensor-parallel group
    overhead   fixed (CUDA context, graphs, kernels' workspace) + the larger of two peaks: activations of one step's
               tokens in the MLP, or logits of all sequences (16-bit once, 32-bit twice)
    KV cache   memory x utilization - weights - overhead; a token takes 2 x layers x KV heads x head size x bytes

The fixed part is calibrated on one measurement (`backend/calibration.py`). Everything here is an estimate.
Limits: no mixture of experts, no draft model or adapters; what flags it does not know, `not_modelled` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.constants import Constants, constants
from backend.gpus import GpuFacts
from backend.models import ModelShape

GIB = 1024**3
LENGTHS = (1024, 4096, 32768, 131072)
BLOCK_TOKENS = 16  # vLLM hands out the cache in blocks
LEAST_CONTEXT = 1024  # a chat that holds less is of no use: such a profile does not fit
UTILIZATION = 0.92  # vLLM's default
LARGE_GPU_GIB = 70  # vLLM's limit for larger default batches; its A100 rule is in `batch_limits`
HALF = ("half", "float16")
BITS_16 = ("bf16", "fp16")
ONLINE = ("fp8", "int8")  # what vLLM makes of 16-bit weights while loading: 8 bits of either kind
CACHE_16_BITS = ("auto", "float16", "bfloat16")
CACHE_8_BITS = ("fp8", "int8")  # beginnings; fp8_e4m3, int8_per_token_head, …
# Flags for memory that are not reckoned with, each with the value that changes nothing
NOT_MODELLED: Mapping[str, object] = {
    "pipeline-parallel-size": 1,
    "prefill-context-parallel-size": 1,
    "decode-context-parallel-size": 1,
    "cpu-offload-gb": 0,
    "kv-cache-memory-bytes": None,
}


@dataclass(frozen=True)
class Serving:
    """What the flags of a command mean for memory and speed."""

    quantization: str
    """Of the weights: bf16, fp16, fp8, gptq, awq, …"""
    weight_bits: int
    kv_cache_bits: int
    kv_scale_bytes: int
    """Beside each head's key, and its value, of a token: the scale of `fp8_per_token_head` and its like"""
    tensor_parallel_size: int
    data_parallel_size: int
    gpu_memory_utilization: float
    max_model_len: int
    """-1: as long as fits"""
    max_num_seqs: int
    max_num_batched_tokens: int
    enforce_eager: bool
    yarn: bool
    max_position_embeddings: int
    """The longest the model is told it can do: its own, or what YaRN makes of it"""

    @property
    def gpus(self) -> int:
        """All GPUs of the server."""
        return self.tensor_parallel_size * self.data_parallel_size


@dataclass(frozen=True)
class Fit:
    """What one engine's memory holds; GiB are per GPU, tokens and sequences per engine."""

    weights_gib: float
    overhead_gib: float
    kv_gib: float
    kv_bytes_per_token: int
    """On all GPUs of the engine together"""
    kv_tokens: int
    sequences: Mapping[int, int]
    """By length: how many of 1024, 4096, 32768, 131072 tokens the cache holds at once"""
    max_model_len: int
    """The longest sequence that fits and that the flags allow"""
    fits: bool
    short_gib: float
    """Per GPU, what is missing for one sequence of the length that is asked for; 0 where it fits"""
    steps: tuple[str, ...]


def serving(flags: Mapping[str, object], shape: ModelShape, facts: GpuFacts) -> Serving:
    """From a profile's flags (vLLM's long names, values as in YAML); what is not given is vLLM's default."""
    values: Mapping[str, Any] = flags
    overrides = values.get("hf-overrides") or {}
    longest = overrides.get("max_position_embeddings", shape.max_position_embeddings)
    sequences, tokens = batch_limits(facts)
    quantization, cache = weights(values, shape, facts), str(values.get("kv-cache-dtype", "auto"))
    return Serving(
        quantization=quantization,
        weight_bits=shape.bits if shape.quantization or quantization in BITS_16 else 8,
        kv_cache_bits=8 if cache.startswith(CACHE_8_BITS) else 16,
        kv_scale_bytes=4 if cache.endswith("8_per_token_head") else 0,
        tensor_parallel_size=values.get("tensor-parallel-size", 1),
        data_parallel_size=values.get("data-parallel-size", 1),
        gpu_memory_utilization=values.get("gpu-memory-utilization", UTILIZATION),
        max_model_len=values.get("max-model-len", longest),
        max_num_seqs=values.get("max-num-seqs", sequences),
        max_num_batched_tokens=values.get("max-num-batched-tokens", tokens),
        enforce_eager=bool(values.get("enforce-eager", False)),
        yarn=(overrides.get("rope_parameters") or {}).get("rope_type") == "yarn",
        max_position_embeddings=longest,
    )


def weights(flags: Mapping[str, object], shape: ModelShape, facts: GpuFacts) -> str:
    """In which kind of numbers the weights are kept."""
    if (quantization := shape.quantization or flags.get("quantization")) is not None:
        # "gptq_marlin" and "awq_marlin" are kernels for the same weights
        return str(quantization).split("_")[0]
    if flags.get("dtype") in HALF or (shape.half and flags.get("dtype", "auto") == "auto"):
        return "fp16"
    return "bf16"


def not_modelled(flags: Mapping[str, object], shape: ModelShape) -> str | None:
    """The first of the flags whose effect on memory is not reckoned with here."""
    for name, without in NOT_MODELLED.items():
        if flags.get(name, without) != without:
            return f"--{name} {flags[name]}"
    if flags.get("dtype") in ("float", "float32"):
        return f"--dtype {flags['dtype']}"
    quantization = flags.get("quantization")
    if shape.quantization is None and quantization is not None and str(quantization).split("_")[0] not in ONLINE:
        return f"--quantization {quantization}"
    cache = str(flags.get("kv-cache-dtype", "auto"))
    return None if cache in CACHE_16_BITS or cache.startswith(CACHE_8_BITS) else f"--kv-cache-dtype {cache}"


def batch_limits(facts: GpuFacts) -> tuple[int, int]:
    """vLLM's defaults for a server: sequences at once, and tokens per step (0.32.0, EngineArgs)."""
    large = facts.memory_gib >= LARGE_GPU_GIB and "a100" not in facts.id
    return (1024, 8192) if large else (256, 2048)


def weight_bytes(shape: ModelShape, quantization: str) -> float:
    """Of the whole model, in memory."""
    return shape.linear_parameters * bytes_per_weight(shape, quantization) + 2 * (
        shape.parameters - shape.linear_parameters
    )


def bytes_per_weight(shape: ModelShape, quantization: str) -> float:
    """Inside the layers: as the checkpoint has them, or in the 8 bits that vLLM makes of 16."""
    return shape.bytes_per_weight if shape.quantization or quantization in BITS_16 else 1.0


def kv_bytes_per_token(shape: ModelShape, serving: Serving) -> int:
    """On all GPUs of the engine: a KV head that can't be split further is kept several times."""
    heads = max(shape.kv_heads, serving.tensor_parallel_size)
    return 2 * shape.layers * heads * (shape.head_dim * serving.kv_cache_bits // 8 + serving.kv_scale_bytes)


def peak_gib(shape: ModelShape, serving: Serving) -> float:
    """The larger of what one step's MLP and what its logits take, per GPU, beside weights and cache."""
    hidden_and_inner = 2 * shape.hidden_size + 3 * shape.intermediate_size / serving.tensor_parallel_size
    mlp = serving.max_num_batched_tokens * hidden_and_inner * 2
    logits = serving.max_num_seqs * shape.vocab_size * (2 + 4 + 4)
    return max(mlp, logits) / GIB


def fit(shape: ModelShape, serving: Serving, memory_gib: float, known: Constants | None = None) -> Fit:
    """The arithmetic for one engine; `memory_gib` is that of each of its GPUs, as the driver reports it."""
    parallel = serving.tensor_parallel_size
    usable = memory_gib * serving.gpu_memory_utilization
    weights_gib = weight_bytes(shape, serving.quantization) / parallel / GIB
    overhead = (known or constants()).memory_fixed_gib + peak_gib(shape, serving)
    kv_gib = max(0.0, usable - weights_gib - overhead)
    per_token = kv_bytes_per_token(shape, serving)
    kv_tokens = int(kv_gib * GIB * parallel / per_token) // BLOCK_TOKENS * BLOCK_TOKENS
    asked = LEAST_CONTEXT if serving.max_model_len < 0 else serving.max_model_len
    short = weights_gib + overhead + asked * per_token / parallel / GIB - usable
    allowed = serving.max_position_embeddings if serving.max_model_len < 0 else serving.max_model_len
    sequences = {length: kv_tokens // length for length in LENGTHS}
    shared = f" / {parallel} GPUs" if parallel > 1 else ""
    steps = (
        f"usable     {memory_gib:.2f} GiB x {serving.gpu_memory_utilization:g} = {usable:.2f} GiB"
        + (" on each GPU" if parallel > 1 else ""),
        f"weights    {_weights_text(shape, serving.quantization)}{shared} = {weights_gib:.2f} GiB",
        f"overhead   {overhead:.2f} GiB: {overhead - peak_gib(shape, serving):.2f} fixed (calibrated) + "
        f"{peak_gib(shape, serving):.2f} for one step's activations or logits",
        f"KV cache   {usable:.2f} - {weights_gib:.2f} - {overhead:.2f} = {kv_gib:.2f} GiB" + (shared and " on each"),
        f"per token  2 x {shape.layers} layers x {max(shape.kv_heads, parallel)} KV heads x "
        + (
            f"({shape.head_dim} x {serving.kv_cache_bits // 8} + {serving.kv_scale_bytes})"
            if serving.kv_scale_bytes
            else f"{shape.head_dim} x {serving.kv_cache_bits // 8}"
        )
        + f" bytes = {per_token:,} bytes",
        f"tokens     {kv_gib * parallel:.2f} GiB / {per_token:,} bytes = {kv_tokens:,}",
    )
    return Fit(
        weights_gib=weights_gib,
        overhead_gib=overhead,
        kv_gib=kv_gib,
        kv_bytes_per_token=per_token,
        kv_tokens=kv_tokens,
        sequences=sequences,
        max_model_len=min(kv_tokens, allowed),
        fits=short <= 0,
        short_gib=max(0.0, short),
        steps=steps,
    )


def _weights_text(shape: ModelShape, quantization: str) -> str:
    rest = shape.parameters - shape.linear_parameters
    if quantization in BITS_16:
        return f"{shape.parameters / 1e9:.2f} billion x 2 bytes"
    size = bytes_per_weight(shape, quantization)
    return f"({shape.linear_parameters / 1e9:.2f} billion x {size:g} bytes + {rest / 1e9:.2f} billion x 2)"
