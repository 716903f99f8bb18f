"""What `backend.nvidia` makes of machines it is shown: drivers, several GPUs, MIG, GPUs in use, containers."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import nvidia
from backend.nvidia import Found, NoLibrary
from tests.unit.fake_nvml import DIVIDED, L4, T4, FakeNvml, numbered

NOTHING = Path("/nonexistent")


def found(nvml: FakeNvml, visible: str | None = None) -> Found:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    answer = nvidia.find(environment, lambda: nvml, proc=NOTHING, sysfs=NOTHING)
    assert nvml.open == 0, "NVML is left open"
    return answer


def no_library() -> Any:
    raise NoLibrary


def without_library(answer: str) -> Found:
    return nvidia.find({}, no_library, lambda: answer, proc=NOTHING, sysfs=NOTHING)


def test_a_gpu_as_its_driver_describes_it() -> None:
    here = found(FakeNvml((replace(L4, used_gib=2.5, processes=1),), cuda=12040))
    (gpu,) = here.gpus
    assert (gpu.name, gpu.memory_gib, gpu.free_gib) == ("NVIDIA L4", 22.5, 20.0)
    assert (gpu.compute_capability, gpu.mig, gpu.others) == ((8, 9), False, 1)
    assert (here.driver, here.cuda) == ("580.159.04", (12, 4))
    assert here.reason == "found: NVIDIA L4, 22 GiB"


def test_a_gpu_without_mig() -> None:
    assert found(FakeNvml((T4,), has_mig=False)).gpus[0].compute_capability == (7, 5)


def test_several_gpus() -> None:
    here = found(FakeNvml(numbered(L4, T4)))
    assert [gpu.name for gpu in here.gpus] == ["NVIDIA L4", "Tesla T4"]
    assert here.reason == "found: NVIDIA L4, 22 GiB, Tesla T4, 15 GiB"


@pytest.mark.parametrize(
    ("setting", "indices"),
    [("1", [1]), ("2,0", [2, 0]), ("GPU-2", [2]), ("1,-1,2", [1]), ("7", []), ("", []), ("0, 1", [0, 1])],
)
def test_cuda_visible_devices_chooses(setting: str, indices: list[int]) -> None:
    here = found(FakeNvml(numbered(L4, T4, L4)), setting)
    assert [gpu.index for gpu in here.gpus] == indices
    assert here.reason.endswith(f"which CUDA_VISIBLE_DEVICES={setting} leaves")
    assert here.driver, "a driver is here all the same"


def test_of_a_gpu_that_mig_has_divided_the_part_with_most_memory_free() -> None:
    here = found(FakeNvml((DIVIDED,)))
    (part,) = here.gpus
    assert (part.name, part.mig, part.uuid) == ("NVIDIA A100-SXM4-40GB MIG 3g.20gb", True, "MIG-large")
    assert (part.memory_gib, part.compute_capability) == (19.5, (8, 0))
    assert "of parts made by MIG one is used" in here.reason


def test_a_part_can_be_chosen_by_its_uuid() -> None:
    assert [gpu.uuid for gpu in found(FakeNvml((DIVIDED,)), "MIG-small").gpus] == ["MIG-small"]


def test_mig_on_but_nothing_made_yet_leaves_the_whole_gpu() -> None:
    (gpu,) = found(FakeNvml((replace(DIVIDED, slots=(None, None)),))).gpus
    assert (gpu.mig, gpu.memory_gib) == (False, 40.0)


def test_fault_70_no_driver() -> None:
    """Without a driver the launcher finds no GPU, says that there is no NVIDIA driver, and takes the CPU."""
    here = found(FakeNvml(broken=FakeNvml.NVMLError_LibraryNotFound))
    assert here == Found((), "no NVIDIA driver (its library NVML is not here)")


def test_a_driver_that_does_not_answer() -> None:
    here = found(FakeNvml(broken=FakeNvml.NVMLError))
    assert here == Found((), "no NVIDIA driver that answers (NVML: it says no)")


def test_a_container_without_nvidias_runtime_sees_the_hosts_driver(tmp_path: Path) -> None:
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Mon Jan 20\nGCC version: 13\n")
    nvml = FakeNvml(broken=FakeNvml.NVMLError_LibraryNotFound)
    here = nvidia.find({}, lambda: nvml, proc=tmp_path / "proc", sysfs=NOTHING)
    assert (here.gpus, here.driver) == ((), "570.86.10")
    assert here.reason.endswith("though the kernel runs NVIDIA's driver 570.86.10")


def test_a_card_without_a_driver_is_seen_on_the_bus(tmp_path: Path) -> None:
    for name, vendor, kind in (("0000:00:02.0", "0x8086", "0x030000"), ("0000:01:00.0", "0x10de", "0x030200")):
        device = tmp_path / "bus/pci/devices" / name
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
    nvml = FakeNvml(broken=FakeNvml.NVMLError_LibraryNotFound)
    here = nvidia.find({}, lambda: nvml, proc=NOTHING, sysfs=tmp_path)
    assert here.driver is None
    assert here.reason.endswith("though an NVIDIA GPU is on the bus (0000:01:00.0)")


def test_without_a_python_module_nvidia_smi_answers() -> None:
    here = without_library(
        "0, GPU-a, NVIDIA L4, 23034, 22000, 8.9, 580.1\n1, GPU-b, Tesla T4, 15360, 15000, 7.5, 580.1\n"
    )
    assert [(gpu.index, gpu.uuid, gpu.compute_capability) for gpu in here.gpus] == [
        (0, "GPU-a", (8, 9)),
        (1, "GPU-b", (7, 5)),
    ]
    assert (here.driver, here.cuda) == ("580.1", None)
    assert here.reason == "found: NVIDIA L4, 22 GiB, Tesla T4, 15 GiB"


@pytest.mark.parametrize("answer", ["", "No devices were found\n"])
def test_nvidia_smi_without_a_gpu(answer: str) -> None:
    here = without_library(answer)
    assert here.gpus == ()
    assert here.reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("nvidia-smi"), "no NVIDIA driver (nvidia-smi is not installed)"),
        (
            subprocess.CalledProcessError(9, "nvidia-smi"),
            "NVIDIA's driver does not answer (CalledProcessError from nvidia-smi)",
        ),
    ],
)
def test_nvidia_smi_that_does_not_answer(error: Exception, reason: str) -> None:
    def broken() -> str:
        raise error

    assert nvidia.find({}, no_library, broken, proc=NOTHING, sysfs=NOTHING) == Found((), reason)


def test_vllms_copy_of_the_module_is_taken_without_importing_vllm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vllm/third_party").mkdir(parents=True)
    (tmp_path / "vllm/__init__.py").write_text("raise ImportError('this takes seconds')\n")
    (tmp_path / "vllm/third_party/pynvml.py").write_text("import sys\nHERE = sys.modules[__name__]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if nvidia-ml-py were not installed
    importlib.invalidate_caches()
    assert nvidia.load_nvml().HERE
    monkeypatch.delitem(sys.modules, "pagoda_pynvml")


def test_without_either_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoLibrary):
        nvidia.load_nvml()
