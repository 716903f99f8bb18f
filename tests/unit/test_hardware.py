"""What `backend.hardware` makes of machines it is shown: other CPUs and containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.hardware import GIB, Gpu, Hardware, available_memory, detect, instruction_sets, missing_instructions
from backend.nvidia import Found

MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1000000 kB\nMemAvailable:   12582912 kB\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    (folder / "self").mkdir(parents=True)
    (folder / "meminfo").write_text(MEMINFO)
    (folder / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu avx2 fma\n\nprocessor\t: 1\nflags\t\t: other\n")
    (folder / "self/cgroup").write_text("0::/\n")
    return folder


def test_free_memory_is_what_the_machine_has_left(proc: Path, tmp_path: Path) -> None:
    assert available_memory(proc, tmp_path / "none") == (12 * GIB, "12.0 GiB free of 16.0 GiB")


@pytest.mark.parametrize(
    ("membership", "limits", "expected_gib"),
    [
        ("0::/\n", {"memory.max": "4294967296"}, 4),
        ("0::/\n", {"memory.max": "max"}, 12),
        ("0::/a/b\n", {"a/memory.max": "2147483648", "a/b/memory.max": "max"}, 2),
        ("5:memory:/docker/x\n", {"memory/docker/x/memory.limit_in_bytes": "3221225472"}, 3),
        ("5:cpu,memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 12),
        ("1:cpu:/\n", {}, 12),
    ],
    ids=["v2", "v2 without a limit", "v2 on the way up", "v1", "v1 without a limit", "another controller"],
)
def test_a_containers_limit_counts(
    proc: Path, tmp_path: Path, membership: str, limits: dict[str, str], expected_gib: int
) -> None:
    (proc / "self/cgroup").write_text(membership)
    for name, text in limits.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    assert available_memory(proc, tmp_path / "cgroup")[0] == expected_gib * GIB


def test_instruction_sets_are_those_of_the_first_core(proc: Path) -> None:
    assert instruction_sets(proc) == ("fpu", "avx2", "fma")


def test_instruction_sets_on_arm(proc: Path) -> None:
    (proc / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    assert instruction_sets(proc) == ("fp", "asimd")


def test_detect_puts_it_together(proc: Path, tmp_path: Path) -> None:
    gpu = Gpu("NVIDIA L4", 22.5, 22.0)
    hardware = detect(proc, tmp_path, lambda environment: Found((gpu,), "found: it", "580.1", (13, 0)))
    assert hardware.memory_gib == 12
    assert hardware.cores >= 1
    assert (hardware.gpus, hardware.gpu_reason) == ((gpu,), "found: it")
    assert (hardware.driver, hardware.cuda) == ("580.1", (13, 0))


@pytest.mark.parametrize(
    ("machine", "instruction_sets", "missing"),
    [("x86_64", ("avx2", "fma", "avx512f"), set()), ("x86_64", ("sse4_2", "fma"), {"avx2"}), ("aarch64", (), set())],
)
def test_instructions_that_vllm_needs(machine: str, instruction_sets: tuple[str, ...], missing: set[str]) -> None:
    hardware = Hardware("Linux", machine, 2, instruction_sets, 8.0, "8.0 GiB free", (), "no NVIDIA driver")
    assert missing_instructions(hardware) == missing


def test_detect_on_this_machine() -> None:
    hardware = detect()
    assert hardware.system == "Linux"
    assert hardware.memory_gib > 0
    assert hardware.instruction_sets
