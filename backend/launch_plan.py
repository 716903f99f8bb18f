"""From a wish to a checked command: the profile, what comes on top of it, its memory, warnings; or a refusal.

Limits: a model whose shape can't be had, or a flag that the arithmetic does not know, is started without a check of its
memory, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from backend import adapters, gpus, models
from backend.build import Build
from backend.checks import check, check_build
from backend.fitting import check_cpu_memory, check_gpu_memory, near_miss, not_modelled
from backend.flags import extra_flags, to_words
from backend.hardware import Gpu, Hardware
from backend.models import BrokenModel, UnknownModel
from backend.profiles import Choice, choose
from backend.refusal import Refusal

# Used where nothing else is said: CUDA's order is by speed otherwise, and ours and NVML's by place on the bus
ONE_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@dataclass(frozen=True)
class Wish:
    """What the command line asks for. `lora`: NAME=FOLDER; `extra`: what follows `--`."""

    model: str | None = None
    profile: str | None = None
    lora: tuple[str, ...] = ()
    speculative: str | None = None
    fp8_kv_cache: bool = False
    extra: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """The names of the files in `backend/options` that it needs."""
        lora, cache = ["lora"] if self.lora else [], ["fp8-kv-cache"] if self.fp8_kv_cache else []
        return [*lora, *([self.speculative] if self.speculative else []), *cache]


@dataclass(frozen=True)
class Plan:
    """What will be started. `words` follow the profile, the model and the address on the command line."""

    choice: Choice
    on_cpu: bool
    words: tuple[str, ...]
    environment: Mapping[str, str]
    memory: str
    warnings: tuple[str, ...]


def simulated(hardware: Hardware, name: str, count: int) -> Hardware:
    """This machine with other GPUs: `count` of a kind from the data. Raises UnknownGpu."""
    facts = gpus.find(name)
    if count < 1:
        raise Refusal(f"--gpus {count}: give how many there are, 1 or more.")
    gpu = Gpu(facts.name, facts.memory_gib, facts.memory_gib, facts.compute_capability)
    reason = f"asked for: {count} × {facts.name}, {facts.memory_gib:.0f} GiB"
    return replace(hardware, gpus=(gpu,) * count, gpu_reason=reason, driver=None, cuda=None)


def plan(wish: Wish, hardware: Hardware, installed: Build, environment: Mapping[str, str]) -> Plan:
    """Choose and check; raises Refusal, NoProfile, BadAdapter."""
    check_build(hardware, installed, environment.get("VLLM_ENABLE_CUDA_COMPATIBILITY", "0").lower() in ("1", "true"))
    on_cpu = installed.kind == "cpu" or not hardware.gpus
    given = extra_flags(wish.extra)
    choice = choose(hardware, wish.model, wish.profile, on_cpu, wish.options, given)
    added = {**choice.flags, **_lora(wish)}
    flags = {**choice.all_flags, **added, **given}
    model = str(flags["model"])
    here = replace(hardware, gpus=()) if on_cpu else hardware
    memory = f"{hardware.memory_reason}; {hardware.cores} cores" if on_cpu else "not estimated"
    try:
        shape = models.shape(model)
    except BrokenModel as error:
        raise Refusal(str(error)) from error
    except UnknownModel as error:
        warnings = [f"not checked whether it fits: {error}"]
        warnings += check(here, flags, None)
    else:
        warnings = check(here, flags, shape)
        unknown = not_modelled(flags, shape, on_cpu)
        if unknown is not None:
            warnings.append(f"not checked whether it fits: the arithmetic here does not know {unknown}")
        elif on_cpu:
            warnings += check_cpu_memory(here, flags, shape)
        else:
            fit = check_gpu_memory(here, flags, shape)
            warnings += near_miss(here, flags, shape, fit)
            memory = (
                f"weights {fit.weights_gib:.1f} GiB, overhead {fit.overhead_gib:.1f}, KV cache {fit.kv_gib:.1f} a GPU: "
                f"{fit.kv_tokens:,} tokens, up to {fit.max_model_len:,} in a conversation (an estimate)"
            )
    settings = dict(choice.environment) if on_cpu else {**choice.environment, **ONE_ORDER}
    if not on_cpu and hardware.gpus[0].mig and "CUDA_VISIBLE_DEVICES" not in environment:
        settings["CUDA_VISIBLE_DEVICES"] = hardware.gpus[0].uuid
    return Plan(choice, on_cpu, (*to_words(added), *wish.extra), settings, memory, tuple(warnings))


def _lora(wish: Wish) -> dict[str, object]:
    """The adapters, and the smallest rank that holds them: memory is reserved for it."""
    if not wish.lora:
        return {}
    for word in wish.lora:
        if not all(word.partition("=")):
            raise Refusal(
                f"--lora {word}: give a name and a folder, such as pirate=backend/demo_model/adapters/pirate."
            )
    read = [adapters.read(*word.split("=", 1)) for word in wish.lora]
    return {"lora-modules": list(wish.lora), "max-lora-rank": adapters.rank_for(read)}
