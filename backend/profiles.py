"""Profiles and options: which there are, and which one suits this machine, and why.

A profile (`backend/profiles/`) is a file of flags in vLLM's own long names, usable as `vllm serve --config FILE`. An
option (`backend/options/`) is a few flags more that combine with any profile. What suits which GPU is
`backend/machines.yaml`; on a CPU the model decides. Environment variables, which a file for `--config` cannot hold,
stand here. Standard library only at import, and for a CPU: `make demo` asks before anything is installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from backend.hardware import Hardware

if TYPE_CHECKING:
    from backend.machines import Suggestion

FOLDER = Path(__file__).resolve().parent / "profiles"
OPTIONS = Path(__file__).resolve().parent / "options"
BUNDLED_MODEL = Path(__file__).resolve().parent / "demo_model" / "weights"

EVERYWHERE = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}  # vLLM reports its use to its makers otherwise
ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # The engine and its only worker in one process: one import of vLLM less (a third of the start-up time) and
    # 0.5 GB less memory. vLLM then leaves the number of threads to us: one is enough for 20 million parameters
    # and leaves the other core of a two-core machine to the API server and the page.
    "cpu-demo": {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1"},
}
QUANTIZED = re.compile(r"awq|gptq|fp8|fp4|int4|int8|w4a16|w8a|[48]bit", re.IGNORECASE)  # in a model's name


class NoProfile(Exception):
    """There is none of this name, or none that suits; the message is a sentence that says what there is."""


@dataclass(frozen=True)
class Profile:
    """A file of flags. `model`: the one it names itself; `summary`: its first line."""

    name: str
    file: Path

    @property
    def summary(self) -> str:
        return self.file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")

    @property
    def model(self) -> str | None:
        found = re.search(r"^model: (\S+)$", self.file.read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else None

    @property
    def flags(self) -> Mapping[str, object]:
        import yaml

        flags: dict[str, object] = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        return flags


@dataclass(frozen=True)
class Choice:
    """A profile, the model it is to serve (None: the one it names itself) and the reason for both.

    `flags` come on top of the profile's, on the command line: those of the options and of the number of GPUs.
    """

    name: str
    model: str | None
    reason: str
    environment: dict[str, str] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The YAML file for `--config`."""
        return FOLDER / f"{self.name}.yaml"

    @property
    def all_flags(self) -> dict[str, object]:
        """The profile's and what comes on top, model included: what vLLM will be told."""
        model = {} if self.model is None else {"model": self.model}
        return {**profiles()[self.name].flags, **self.flags, **model}


@cache
def profiles() -> Mapping[str, Profile]:
    """Every profile there is, by name."""
    return {file.stem: Profile(file.stem, file) for file in sorted(FOLDER.glob("*.yaml"))}


@cache
def options() -> Mapping[str, Profile]:
    """Every option there is, by name."""
    return {file.stem: Profile(file.stem, file) for file in sorted(OPTIONS.glob("*.yaml"))}


def choose(
    hardware: Hardware, model: str | None, profile: str | None, cpu_build: bool, options: Sequence[str] = ()
) -> Choice:
    """Decide; raises NoProfile. `model` None: the bundled one on a CPU, the profile's own on a GPU."""
    _check_names(profile, options)
    decide = _on_gpus if hardware.gpus and not cpu_build else _on_cpu
    name, reason, flags = decide(hardware, model, profile, options)
    if model is None and profiles()[name].model is None:
        model = str(BUNDLED_MODEL)
    flags |= _flags_of(options)
    environment = {**EVERYWHERE, **ENVIRONMENT.get(name, {})}
    if model is not None and Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"  # a local folder needs no hub: do not ask it, and do not wait for it
    return Choice(name, model, reason, environment, flags)


def is_bundled(model: str) -> bool:
    """Whether this names the model that ships in the repository."""
    return Path(model).expanduser().resolve() == BUNDLED_MODEL


def is_quantized(model: str) -> bool:
    """Whether the weights are already in 8 or 4 bits: as a local folder says, else by the name."""
    config = Path(model) / "config.json"
    if config.is_file():
        return "quantization_config" in json.loads(config.read_text(encoding="utf-8"))
    return QUANTIZED.search(model.rpartition("/")[2]) is not None


def _flags_of(chosen: Sequence[str]) -> dict[str, object]:
    flags: dict[str, object] = {}
    for option in chosen:
        flags |= options()[option].flags
    return flags


def _check_names(profile: str | None, chosen: Sequence[str]) -> None:
    if profile is not None and profile not in profiles():
        raise NoProfile(f"There is no profile {profile!r}; there are {', '.join(profiles())}.")
    for option in chosen:
        if option not in options():
            raise NoProfile(f"There is no option {option!r}; there are {', '.join(options())}.")
    if len({"ngram", "suffix"} & set(chosen)) > 1:
        raise NoProfile("ngram and suffix are two ways to guess words, of which vLLM takes one: leave one out.")


def _on_cpu(
    hardware: Hardware, model: str | None, profile: str | None, chosen: Sequence[str]
) -> tuple[str, str, dict[str, object]]:
    """The profile that names the model, or the general one."""
    if "fp8-kv-cache" in chosen:
        raise NoProfile("The option fp8-kv-cache needs an NVIDIA GPU: leave it out on a CPU.")
    if profile is not None:
        return profile, "it was asked for by name", {}
    why = f"CPU, {hardware.gpu_reason}"
    if hardware.gpus:
        found = ", ".join(gpu.name for gpu in hardware.gpus)
        why = f"{found} found, but this is the CPU build of vLLM: for the GPU use docker compose (see the README)"
    if model is None or is_bundled(model):
        return "cpu-demo", f"{why}; the bundled model", {}
    for name, known in profiles().items():
        if name.startswith("cpu") and known.model == model:
            return name, f"{why}; made for this model", {}
    return "cpu", f"{why}; a model other than the bundled one", {}


def _on_gpus(
    hardware: Hardware, model: str | None, profile: str | None, chosen: Sequence[str]
) -> tuple[str, str, dict[str, object]]:
    """What the machine's row says, for the profile asked for or the first that suits the model."""
    from backend.machines import Suggestion, machine, table

    gpu, count = hardware.gpus[0], len(hardware.gpus)
    for option in chosen:
        need = table().options.get(option)
        if need and gpu.compute_capability and gpu.compute_capability < need.compute_capability:
            wanted, is_here = (".".join(map(str, c)) for c in (need.compute_capability, gpu.compute_capability))
            raise NoProfile(
                f"The option {option} needs compute capability {wanted}, and {gpu.name} has {is_here}: {need.reason}. "
                "Leave it out."
            )
    row = machine(hardware.gpus)
    suggestions = row.profiles if row else ()
    if profile is not None:
        reason = "it was asked for by name"
        picked = next((known for known in suggestions if known.profile == profile), Suggestion(profile, reason))
    elif not suggestions:
        raise NoProfile(
            f"No profile suits {gpu.name} with {gpu.memory_gib:.1f} GiB: 7.5 GiB and compute capability 7.5 (Turing) "
            "are needed. Use docker-compose.cpu.yml or `make demo`, which serve on the CPU, or name a profile."
        )
    else:
        picked = _for_model(suggestions, model)
        reason = f"{hardware.gpu_reason}; {picked.reason}"
    flags: dict[str, object] = dict(picked.flags)
    together = {**profiles()[picked.profile].flags, **flags}
    gpus_of_one = int(str(together.get("tensor-parallel-size", 1)))
    replicas = count // gpus_of_one
    if replicas == 0:
        raise NoProfile(f"The profile {picked.profile} needs {gpus_of_one} GPUs, and there is {count}: name another.")
    if replicas > 1 or "data-parallel-size" in together:
        flags["data-parallel-size"] = replicas
        if "max-num-queued-reqs" in together:  # counted in front of all replicas
            flags["max-num-queued-reqs"] = replicas * int(str(together["max-num-queued-reqs"]))
        reason += f"; {replicas} replicas on {count} cards"
    return picked.profile, reason, flags


def _for_model(suggestions: Sequence[Suggestion], model: str | None) -> Suggestion:
    """The first that names this model; for a model of another name, the first whose flags don't contradict it."""
    if model is None:
        return suggestions[0]
    quantized = is_quantized(model)
    for suggestion in suggestions:
        if profiles()[suggestion.profile].model == model:
            return suggestion
    for suggestion in suggestions:
        flags = profiles()[suggestion.profile].flags
        if not (quantized and "quantization" in flags) and "hf-overrides" not in flags:
            return suggestion
    return suggestions[0]
