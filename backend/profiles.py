"""Which profile suits which machine, and why.

A profile is a file in `backend/profiles/`: flags in vLLM's own long names, usable as `vllm serve MODEL --config FILE`.
What chooses one, and the environment variables it wants (a file for `--config` has no place for them), stand here.
Standard library only, as the launcher reads this before anything is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.hardware import Hardware

FOLDER = Path(__file__).resolve().parent / "profiles"
BUNDLED_MODEL = Path(__file__).resolve().parent / "demo_model" / "weights"

EVERYWHERE = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}  # vLLM reports its use to its makers otherwise
ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # The engine and its only worker in one process: one import of vLLM less (a third of the start-up time) and
    # 0.5 GB less memory. vLLM then leaves the number of threads to us: one is enough for 20 million parameters
    # and leaves the other core of a two-core machine to the API server and the page.
    "cpu-demo": {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1"},
}


class NoProfile(Exception):
    """The name is not that of a profile; the message says which names there are."""


@dataclass(frozen=True)
class Choice:
    """A profile, the model it is to serve (None: the one the profile names itself) and the reason for both."""

    name: str
    model: str | None
    reason: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The YAML file for `--config`."""
        return FOLDER / f"{self.name}.yaml"


def names() -> list[str]:
    """Every profile there is."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def choose(hardware: Hardware, model: str | None, profile: str | None, cpu_build: bool) -> Choice:
    """Decide. `model` None means the default: the bundled one on a CPU, the profile's own on a GPU."""
    if profile is not None and profile not in names():
        raise NoProfile(f"There is no profile {profile!r}; there are {', '.join(names())}.")
    if profile is not None:
        reason = "it was asked for by name"
        name = profile
    elif hardware.gpus and not cpu_build:
        name, reason = "gpu", hardware.gpu_reason
    else:
        name = "cpu-demo" if model is None or is_bundled(model) else "cpu"
        reason = f"{_why_cpu(hardware)}; {_why_model(name)}"
    if model is None and name.startswith("cpu"):
        model = str(BUNDLED_MODEL)
    environment = {**EVERYWHERE, **ENVIRONMENT.get(name, {})}
    if model is not None and Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"  # a local folder needs no hub: do not ask it, and do not wait for it
    return Choice(name, model, reason, environment)


def is_bundled(model: str) -> bool:
    """Whether this names the model that ships in the repository."""
    return Path(model).expanduser().resolve() == BUNDLED_MODEL


def _why_cpu(hardware: Hardware) -> str:
    if hardware.gpus:
        found = ", ".join(gpu.name for gpu in hardware.gpus)
        return f"{found} found, but this is the CPU build of vLLM: for the GPU use docker compose (see the README)"
    return f"CPU, {hardware.gpu_reason}"


def _why_model(profile: str) -> str:
    return "the bundled model" if profile == "cpu-demo" else "a model other than the bundled one"
