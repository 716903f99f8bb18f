"""Can these GPUs do what the flags ask? Enough of them, alike, free, and able to compute in the type asked for.

Limits: what the driver does not say of a GPU is not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from backend.flags import number
from backend.hardware import Gpu, Hardware
from backend.refusal import Refusal

UTILIZATION = 0.92  # vLLM 0.32's default for --gpu-memory-utilization (vllm/config/cache.py)
BF16_FROM = (8, 0)  # vllm/platforms/cuda.py, check_if_supports_dtype
RESERVE_GIB = 1.0  # left free by the remedy for a busy GPU: vLLM's own CUDA context is made before it looks
PARALLEL = ("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size")


def gpus_needed(flags: Mapping[str, object]) -> int:
    """How many GPUs the flags ask for."""
    needed = 1
    for name in PARALLEL:
        needed *= number(flags, name, 1)
    return needed


def check_gpus(hardware: Hardware, flags: Mapping[str, object]) -> list[str]:
    """Warnings; raises Refusal."""
    needed = gpus_needed(flags)
    if needed > len(hardware.gpus):
        raise Refusal(
            f"{needed} GPUs are asked for and {len(hardware.gpus)} can be used here ({hardware.gpu_reason}): take a "
            "profile for fewer, or lower --tensor-parallel-size or --data-parallel-size."
        )
    used = hardware.gpus[:needed]
    warnings = _unlike(hardware.gpus, used)
    _type(used, flags)
    return warnings + _in_use(hardware.gpus, used, flags)


def _unlike(gpus: Sequence[Gpu], used: Sequence[Gpu]) -> list[str]:
    """Work is split evenly, so the slowest and smallest of the GPUs would decide for all."""
    kinds = Counter(gpu.name for gpu in gpus)
    listed = ", ".join(f"{count} × {name}" for name, count in kinds.items())
    if len({gpu.name for gpu in used}) > 1:
        alike, count = kinds.most_common(1)[0]
        indices = ",".join(str(gpu.index) for gpu in gpus if gpu.name == alike)
        raise Refusal(
            f"The GPUs are unlike each other ({listed}) and the work is split evenly, so the slowest and smallest "
            f"would decide: choose alike ones, CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES={indices}, and a "
            f"profile for {count}."
        )
    if len(kinds) > 1:
        return [f"of unlike GPUs ({listed}) {used[0].name} is used; CUDA_VISIBLE_DEVICES chooses another"]
    return []


def _type(used: Sequence[Gpu], flags: Mapping[str, object]) -> None:
    if flags.get("dtype") not in ("bfloat16", "bf16"):
        return
    for gpu in used:
        if gpu.compute_capability is not None and gpu.compute_capability < BF16_FROM:
            capability = ".".join(map(str, gpu.compute_capability))
            raise Refusal(
                f"{gpu.name} (compute capability {capability}) does not compute in BF16, which begins with 8.0: take "
                "FP16, `-- --dtype half`, or a profile for this GPU."
            )


def _in_use(gpus: Sequence[Gpu], used: Sequence[Gpu], flags: Mapping[str, object]) -> list[str]:
    """vLLM takes a share of the whole memory and ends if so much is not free (vllm/v1/worker/utils.py)."""
    value = flags.get("gpu-memory-utilization", UTILIZATION)
    share = float(value) if isinstance(value, (int, float)) else UTILIZATION
    warnings: list[str] = []
    for gpu in used:
        others = f"{gpu.others} other process{'' if gpu.others == 1 else 'es'}"
        wanted = share * gpu.memory_gib
        if gpu.free_gib >= wanted:
            if gpu.others:
                warnings.append(f"{gpu.name} (number {gpu.index}) is shared with {others}: it will be slower")
            continue
        remedies = ["end what runs there (`nvidia-smi` shows it)"]
        free = [str(other.index) for other in gpus if other.free_gib >= share * other.memory_gib]
        if free:
            remedies.append(f"choose another GPU, CUDA_VISIBLE_DEVICES={free[0]}")
        left = int((gpu.free_gib - RESERVE_GIB) / gpu.memory_gib * 100) / 100
        if left > 0.1:
            remedies.append(f"let vLLM take less, `-- --gpu-memory-utilization {left}`")
        raise Refusal(
            f"{gpu.name} (number {gpu.index}) is in use{f' by {others}' if gpu.others else ''}: {gpu.free_gib:.1f} of "
            f"{gpu.memory_gib:.1f} GiB are free and vLLM would take {wanted:.1f}, {wanted - gpu.free_gib:.1f} GiB "
            f"more: {'; or '.join(remedies)}."
        )
    return warnings
