"""Simulated machines, and what the launcher plans and refuses on them: nothing is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend import launch_plan, models, serve
from backend.build import Build
from backend.checks import Refusal, check
from backend.hardware import Gpu, Hardware
from backend.launch_plan import Plan, plan
from backend.models import ModelShape

ROOT = Path(__file__).resolve().parents[2]
PIRATE = "backend/demo_model/adapters/pirate"
CPU = Hardware("Linux", "x86_64", 2, ("avx2", "fma"), 8.0, "8.0 GiB free of 16.0 GiB", (), "no NVIDIA driver")
L4 = Gpu("NVIDIA L4", 22.5, 22.3, (8, 9))
T4 = Gpu("Tesla T4", 15.0, 14.9, (7, 5))
A100 = Gpu("NVIDIA A100-SXM4-80GB", 80.0, 79.5, (8, 0))
QWEN = models.shape("Qwen/Qwen2.5-7B-Instruct")
YARN = {
    "max_position_embeddings": 131072,
    "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
}
NO_VLLM = Build(None)


def machine(*gpus: Gpu, driver: str = "580.159.04", cuda: tuple[int, int] = (13, 0)) -> Hardware:
    """A machine with these GPUs."""
    numbered = tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus))
    return replace(CPU, gpus=numbered, gpu_reason="found: them", driver=driver, cuda=cuda)


def refusal(hardware: Hardware, shape: ModelShape | None = QWEN, **flags: object) -> str:
    """The sentence that flags, with underscores in their names, are refused with."""
    with pytest.raises(Refusal) as refused:
        check(hardware, {name.replace("_", "-"): value for name, value in flags.items()}, shape)
    return str(refused.value)


def planned(*words: str, hardware: Hardware = CPU, gpu: str | None = None, gpus: int = 1) -> Plan:
    """What this command line makes, on `hardware` or on so many of a known GPU."""
    options, extra = serve.parse(words)
    wish = serve.wish(options, extra)
    if gpu is not None:
        hardware = launch_plan.simulated(hardware, gpu, gpus)
    return plan(wish, hardware, NO_VLLM, {})
