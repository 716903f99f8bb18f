"""What is this machine? Its NVIDIA GPUs, its CPU's instruction sets, and the memory a process may really use.

`detect()` returns values and the reason for each; nothing here decides anything (`backend/profiles.py` does).
Standard library only: the launcher runs it with the system's Python, and the vLLM images have it too.
Limits: Linux; GPUs of other makers are not looked for; a GPU in use by others is not noticed.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU, as its driver names it."""

    name: str
    memory_gib: float


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


def run_nvidia_smi() -> str:
    """Ask the driver; raises OSError where there is none and CalledProcessError where it does not answer."""
    return subprocess.run(NVIDIA_SMI, check=True, capture_output=True, text=True, timeout=20).stdout


def detect(
    proc: Path = Path("/proc"),
    cgroup: Path = Path("/sys/fs/cgroup"),
    nvidia_smi: Callable[[], str] = run_nvidia_smi,
) -> Hardware:
    """Look at the machine. The arguments let a test show it another one."""
    gpus, gpu_reason = find_gpus(nvidia_smi)
    memory, memory_reason = available_memory(proc, cgroup)
    return Hardware(
        system=platform.system(),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        instruction_sets=instruction_sets(proc),
        memory_gib=memory / GIB,
        memory_reason=memory_reason,
        gpus=gpus,
        gpu_reason=gpu_reason,
    )


def find_gpus(nvidia_smi: Callable[[], str]) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs that NVIDIA's driver reports, and how it is known."""
    try:
        lines = nvidia_smi().strip().splitlines()
    except FileNotFoundError:
        return (), "no NVIDIA driver (nvidia-smi is not installed)"
    except (OSError, subprocess.SubprocessError) as error:
        return (), f"NVIDIA's driver does not answer ({type(error).__name__} from nvidia-smi)"
    gpus: list[Gpu] = []
    for line in lines:
        name, _, mebibytes = line.rpartition(",")
        try:
            gpus.append(Gpu(name.strip(), float(mebibytes) / 1024))
        except ValueError:
            return (), f"nvidia-smi answered something unexpected: {line.strip()[:80]}"
    if not gpus:
        return (), "NVIDIA's driver is here but reports no GPU"
    return tuple(gpus), "found: " + ", ".join(f"{gpu.name}, {gpu.memory_gib:.0f} GiB" for gpu in gpus)


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
