"""Which NVIDIA GPUs may be used here? Asked of the driver's own library, NVML.

NVML comes with the driver; `nvidia-ml-py` is the Python way to it. vLLM's images have that package, as flashinfer needs
it, and every build of vLLM carries a copy (`vllm/third_party/pynvml.py`), which is loaded by its path, as importing
vllm itself takes seconds. Where there is neither (the system's Python, say), nvidia-smi answers, without processes and
MIG. Standard library only. Limits: Linux; GPUs of other makers are not looked for; processes of other containers may
be hidden from this one, so what is free counts, not who took it.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

GIB = 1024**3
FIELDS = "index,uuid,name,memory.total,memory.free,compute_cap,driver_version"
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits")
PCI_VENDOR, PCI_DISPLAY = "0x10de", "0x03"  # NVIDIA; class codes of graphics and 3D controllers begin like this


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU, or one part of a GPU divided by MIG, as its driver describes it now."""

    name: str
    memory_gib: float
    free_gib: float
    compute_capability: tuple[int, int] | None = None  # None: the driver does not say
    mig: bool = False
    others: int = 0  # processes of others that compute on it, as far as they can be seen from here
    index: int = 0  # of the whole GPU, in the order of the PCI bus
    uuid: str = ""


@dataclass(frozen=True)
class Found:
    """What was found, and how it is known. `cuda` is the newest CUDA that the driver can run.

    A `driver` without `gpus` runs in the kernel, but its library is not here: a container without NVIDIA's runtime.
    """

    gpus: tuple[Gpu, ...]
    reason: str
    driver: str | None = None
    cuda: tuple[int, int] | None = None


class NoLibrary(Exception):
    """There is no Python module for NVML in this environment."""


def load_nvml() -> Any:
    """The module `pynvml`, or vLLM's copy of it; raises NoLibrary."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        pass
    vllm = importlib.util.find_spec("vllm")  # finds the folder without importing it
    for folder in (vllm.submodule_search_locations or ()) if vllm is not None else ():
        file = Path(folder, "third_party", "pynvml.py")
        spec = importlib.util.spec_from_file_location("pagoda_pynvml", file)
        if file.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # it looks itself up there
            spec.loader.exec_module(module)
            return module
    raise NoLibrary


def run_nvidia_smi() -> str:
    """Ask the driver's program; raises OSError where there is none, CalledProcessError where it does not answer."""
    return subprocess.run(NVIDIA_SMI, check=True, capture_output=True, text=True, timeout=20).stdout


def find(
    environment: Mapping[str, str],
    load: Callable[[], Any] = load_nvml,
    nvidia_smi: Callable[[], str] = run_nvidia_smi,
    proc: Path = Path("/proc"),
    sysfs: Path = Path("/sys"),
) -> Found:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves. The arguments let a test show it another machine."""
    try:
        found = _by_nvml(load())
    except NoLibrary:
        found = _by_nvidia_smi(nvidia_smi)
    if found.driver is None:
        return _without_a_driver(found.reason, proc, sysfs)
    return _visible(found, environment.get("CUDA_VISIBLE_DEVICES"))


def _by_nvml(nvml: Any) -> Found:
    """One entry for each GPU, or for each part of one that MIG has divided."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:
        return Found((), "no NVIDIA driver (its library NVML is not here)")
    except nvml.NVMLError as error:
        return Found((), f"no NVIDIA driver that answers (NVML: {error})")
    try:
        number = nvml.nvmlSystemGetCudaDriverVersion_v2()
        driver = _text(nvml.nvmlSystemGetDriverVersion())
        gpus: list[Gpu] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            capability = nvml.nvmlDeviceGetCudaComputeCapability(handle)
            parts = list(_mig_parts(nvml, handle))
            gpus += [_describe(nvml, part, capability, index, bool(parts)) for part in parts or [handle]]
    except nvml.NVMLError as error:
        return Found((), f"NVIDIA's driver does not answer (NVML: {error})")
    finally:
        nvml.nvmlShutdown()
    return Found(tuple(gpus), _reason(gpus), driver, (number // 1000, number % 1000 // 10))


def _mig_parts(nvml: Any, handle: Any) -> Iterator[Any]:
    """The parts of a GPU that MIG has divided; nothing where it is off or the GPU has no such thing."""
    try:
        mode, _ = nvml.nvmlDeviceGetMigMode(handle)
        most = nvml.nvmlDeviceGetMaxMigDeviceCount(handle) if mode == nvml.NVML_DEVICE_MIG_ENABLE else 0
    except nvml.NVMLError:
        return
    for number in range(most):
        try:
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except nvml.NVMLError_NotFound:  # numbers need not be without gaps
            continue


def _describe(nvml: Any, handle: Any, capability: tuple[int, int], index: int, mig: bool) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        others = len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except nvml.NVMLError:  # not every driver tells, a part of a GPU least of all
        others = 0
    return Gpu(
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_gib=memory.total / GIB,
        free_gib=memory.free / GIB,
        compute_capability=(capability[0], capability[1]),
        mig=mig,
        others=others,
        index=index,
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
    )


def _by_nvidia_smi(nvidia_smi: Callable[[], str]) -> Found:
    """The same from nvidia-smi, which says nothing of CUDA's version and, in this form, of processes and MIG."""
    try:
        lines = nvidia_smi().strip().splitlines()
    except FileNotFoundError:
        return Found((), "no NVIDIA driver (nvidia-smi is not installed)")
    except (OSError, subprocess.SubprocessError) as error:
        return Found((), f"NVIDIA's driver does not answer ({type(error).__name__} from nvidia-smi)")
    gpus: list[Gpu] = []
    driver = None
    for line in lines:
        try:
            index, uuid, name, total, free, capability, driver = (part.strip() for part in line.split(","))
            major, _, minor = capability.partition(".")
            described = Gpu(name, float(total) / 1024, float(free) / 1024, (int(major), int(minor)))
            gpus.append(replace(described, index=int(index), uuid=uuid))
        except ValueError:
            return Found((), f"nvidia-smi answered something unexpected: {line.strip()[:80]}")
    return Found(tuple(gpus), _reason(gpus), driver)


def _without_a_driver(reason: str, proc: Path, sysfs: Path) -> Found:
    """Signs of a GPU that cannot be used from here: its driver in the kernel, or the card on the bus."""
    try:
        line = (proc / "driver/nvidia/version").read_text().splitlines()[0]
    except (OSError, IndexError):
        cards = [
            device
            for device in sorted(sysfs.glob("bus/pci/devices/*"))
            if _line(device / "vendor") == PCI_VENDOR and _line(device / "class").startswith(PCI_DISPLAY)
        ]
        return Found((), f"{reason}, though an NVIDIA GPU is on the bus ({cards[0].name})" if cards else reason)
    version = next((word for word in line.split() if word[:1].isdigit() and "." in word), "of an unknown version")
    return Found((), f"{reason}, though the kernel runs NVIDIA's driver {version}", driver=version)


def _visible(found: Found, setting: str | None) -> Found:
    """What CUDA_VISIBLE_DEVICES leaves (indices on the bus or beginnings of UUIDs), and of MIG's parts one."""
    gpus, reason = found.gpus, found.reason
    if setting is not None:
        chosen: list[Gpu] = []
        for word in (part.strip() for part in setting.split(",")):
            named = [gpu for gpu in gpus if word == str(gpu.index) or (word and gpu.uuid.startswith(word))]
            if not named:
                break  # CUDA ignores what follows something it does not know
            chosen.append(named[0])
        gpus, reason = tuple(chosen), f"{_reason(chosen)}, which CUDA_VISIBLE_DEVICES={setting} leaves"
    if len(gpus) > 1 and any(gpu.mig for gpu in gpus):  # a process can use one part only
        best = max(gpus, key=lambda gpu: (gpu.free_gib, not gpu.mig))
        gpus, reason = (
            (best,),
            f"{reason}; of parts made by MIG one is used, the one with most memory free: {best.name}",
        )
    return Found(gpus, reason, found.driver, found.cuda)


def _reason(gpus: Sequence[Gpu]) -> str:
    if not gpus:
        return "NVIDIA's driver is here but reports no GPU"
    return "found: " + ", ".join(f"{gpu.name}, {gpu.memory_gib:.0f} GiB" for gpu in gpus)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _line(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
