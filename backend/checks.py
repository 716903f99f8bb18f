"""What can't work is refused here, in a sentence with the remedy, before anything is downloaded or loaded.

`check_build` asks whether the vLLM that is installed can use this machine, `check` whether machine and model can do
what the flags ask. `check` returns warnings; both raise `Refusal`. Limits: what is not known of a GPU or a model is not
judged; vLLM has the last word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from backend import models
from backend.build import Build
from backend.flags import number
from backend.gpu_checks import check_gpus
from backend.hardware import Hardware, missing_instructions
from backend.model_checks import check_adapters, check_context, check_draft, check_heads, check_numbers
from backend.models import ModelShape
from backend.refusal import Refusal

__all__ = ["Refusal", "check", "check_build"]

# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, table 1 (read 2026-11-24)
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}


def check_build(hardware: Hardware, build: Build, forward_compatible: bool = False) -> None:
    """Whether the vLLM that is installed can use this machine at all.

    `forward_compatible`: VLLM_ENABLE_CUDA_COMPATIBILITY is set, which lets data centre GPUs do with an older driver.
    """
    if build.kind == "cpu":
        missing = " and ".join(sorted(missing_instructions(hardware))).upper()
        if missing:
            raise Refusal(
                f"This CPU lacks {missing}, which vLLM needs: use a machine with a processor of 2013 or newer (in a "
                "virtual machine, let it see the host's CPU)."
            )
    if build.kind != "cuda":
        return
    if not hardware.gpus and hardware.driver is not None:
        raise Refusal(
            f"This vLLM needs an NVIDIA GPU and can reach none: {hardware.gpu_reason}. In Docker: install the NVIDIA "
            "Container Toolkit on the host, restart Docker, and give the container the GPU (docker-compose.yml does, "
            "or `docker run --gpus all`). Without a GPU: docker-compose.cpu.yml."
        )
    if not hardware.gpus:
        raise Refusal(
            f"This vLLM needs an NVIDIA GPU and there is none: {hardware.gpu_reason}. docker-compose.cpu.yml and `make "
            "demo` serve on the CPU; if there is a GPU, install its driver and, for Docker, the NVIDIA Container "
            "Toolkit."
        )
    if build.cuda and hardware.cuda and hardware.cuda[0] < build.cuda[0] and not forward_compatible:
        needed, runs = (".".join(map(str, version)) for version in (build.cuda, hardware.cuda))
        oldest = OLDEST_DRIVER.get(build.cuda[0])
        raise Refusal(
            f"NVIDIA's driver {hardware.driver} is too old: it runs CUDA up to {runs}, and this vLLM is built for "
            f"{needed}: install driver {oldest or 'of the newest version'}{' or newer' if oldest else ''}."
        )


def check_batch(flags: Mapping[str, object]) -> None:
    """A step writes a token for each sequence, so it needs room for as many (vllm/config/scheduler.py)."""
    sequences, tokens = number(flags, "max-num-seqs", 0), number(flags, "max-num-batched-tokens", sys.maxsize)
    if tokens < sequences:
        raise Refusal(
            f"--max-num-batched-tokens {tokens} is less than --max-num-seqs {sequences}, and a step takes a token of "
            f"each: take at least {sequences}, or `-- --max-num-seqs {tokens}`."
        )


def check(
    hardware: Hardware,
    flags: Mapping[str, object],
    shape: ModelShape | None,
    shape_of: Callable[[str], ModelShape] = models.shape,
) -> list[str]:
    """Judge the flags of a command; warnings about what would work. `shape` None: nothing is known of the model."""
    check_batch(flags)
    if shape is not None:
        check_heads(flags, shape)
    on_gpu = bool(hardware.gpus)
    warnings = check_gpus(hardware, flags) if on_gpu else []
    if shape is not None:
        check_context(flags, shape, on_gpu)
        warnings += check_numbers(flags, shape, on_gpu)
        warnings += check_draft(flags, shape, shape_of)
        warnings += check_adapters(flags, shape)
    return warnings
