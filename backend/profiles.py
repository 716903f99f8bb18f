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
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from backend.flags import number
from backend.hardware import Hardware

if TYPE_CHECKING:
    from backend.machines import Suggestion

FOLDER = Path(__file__).resolve().parent / "profiles"
OPTIONS = Path(__file__).resolve().parent / "options"
BUNDLED_MODEL = Path(__file__).resolve().parent / "demo_model" / "weights"
BUNDLED_NAME = "pagoda-demo"  # under which it is served

EVERYWHERE = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}  # vLLM reports its use to its makers otherwise
ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # The engine and its only worker in one process: one import of vLLM less (a third of the start-up time) and
    # 0.5 GB less memory. vLLM then leaves the number of threads to us: one is enough for 20 million parameters
    # and leaves the other core of a two-core machine to the API server and the page.
    "cpu-demo": {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1"},
}
SPLITTING = {"tensor-parallel-size", "pipeline-parallel-size"}
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
    hardware: Hardware,
    model: str | None,
    profile: str | None,
    cpu_build: bool,
    options: Sequence[str] = (),
    given: Mapping[str, object] = MappingProxyType({}),
) -> Choice:
    """Decide; raises NoProfile. `model` None: the bundled one on a CPU, the profile's own on a GPU.

    `given`: flags that the user sets, which win; how many GPUs an engine takes decides how many replicas there are.
    """
    on_cpu = cpu_build or not hardware.gpus
    _check_names(profile, options, on_cpu)
    if on_cpu:
        name, reason, flags = _on_cpu(hardware, model, profile, options)
    else:
        name, reason, flags = _on_gpus(hardware, model, profile, options, given)
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
        try:
            values = json.loads(config.read_text(encoding="utf-8"))
        except ValueError as error:
            raise NoProfile(f"The config.json of {model} is not JSON: {error}.") from error
        return isinstance(values, dict) and bool(values.get("quantization_config"))  # as `models` counts
    return QUANTIZED.search(model.rpartition("/")[2]) is not None


def _flags_of(chosen: Sequence[str]) -> dict[str, object]:
    flags: dict[str, object] = {}
    for option in chosen:
        flags |= options()[option].flags
    return flags


def _check_names(profile: str | None, chosen: Sequence[str], on_cpu: bool) -> None:
    if profile is not None and profile not in profiles():
        raise NoProfile(f"There is no profile {profile!r}; there are {', '.join(profiles())}.")
    if profile is not None and profile.startswith("cpu") is not on_cpu:
        fitting = ", ".join(name for name in profiles() if name.startswith("cpu") is on_cpu)
        made, here = ("NVIDIA GPUs", "the CPU") if on_cpu else ("CPUs", "an NVIDIA GPU")
        raise NoProfile(f"The profile {profile} is for {made}, and vLLM would run on {here}: there are {fitting}.")
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
    hardware: Hardware,
    model: str | None,
    profile: str | None,
    chosen: Sequence[str],
    given: Mapping[str, object],
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
        picked = next(iter(for_model(suggestions, model)), suggestions[0])
        reason = f"{hardware.gpu_reason}; {picked.reason}"
    flags: dict[str, object] = dict(picked.flags)
    together = {**profiles()[picked.profile].flags, **flags, **given}
    gpus_of_one = number(together, "tensor-parallel-size", 1) * number(together, "pipeline-parallel-size", 1)
    least = 1 if SPLITTING & set(given) else 0  # that there are too few for what the user sets is said by the checks
    replicas = number(given, "data-parallel-size", max(least, count // gpus_of_one))
    if replicas == 0:
        raise NoProfile(f"The profile {picked.profile} needs {gpus_of_one} GPUs, and there is {count}: name another.")
    if replicas > 1 or "data-parallel-size" in together:
        flags["data-parallel-size"] = replicas
        if "max-num-queued-reqs" in together:  # counted in front of all replicas
            flags["max-num-queued-reqs"] = replicas * number(together, "max-num-queued-reqs", 1)
    used = replicas * gpus_of_one
    if 1 < count >= used:
        some = "" if used == count else f"{used} of "
        reason += f"; {replicas} replica{'' if replicas == 1 else 's'} on {some}{count} cards"
    return picked.profile, reason, {name: value for name, value in flags.items() if name not in given}


def for_model(suggestions: Sequence[Suggestion], model: str | None) -> list[Suggestion]:
    """Those that may serve the model, best first: launcher and planner take the same.

    First those that name it; then those for its kind of weights; where there are none, all whose flags don't
    contradict it. Reasons speak of the profile's own model, so for another one they are replaced.
    """
    if model is None:
        return list(suggestions)
    quantized = is_quantized(model)
    own = [suggestion for suggestion in suggestions if profiles()[suggestion.profile].model == model]
    others: list[tuple[bool, Suggestion]] = []
    for suggestion in suggestions:
        flags, named = profiles()[suggestion.profile].flags, str(profiles()[suggestion.profile].model)
        if suggestion not in own and not (quantized and "quantization" in flags) and "hf-overrides" not in flags:
            told = replace(suggestion, reason=f"made for {named}, with flags that suit this model, too")
            others.append((is_quantized(named) == quantized, told))
    alike = [suggestion for same, suggestion in others if same]
    return [*own, *alike] or [suggestion for _, suggestion in others]
