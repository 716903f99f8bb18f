"""LoRA adapters in PEFT's format: what an adapter's two files say, and whether it can belong to a model.

Read with the standard library: the configuration is JSON, and a safetensors file begins with a JSON header of shapes.
Limits: adapters in local folders. That one was trained on exactly these weights can't be seen, only that it fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM 0.32 takes for --max-lora-rank
_LONGEST_HEADER = 100_000_000
_TENSOR = re.compile(r"layers\.(\d+)\..*?(\w+_proj)\.lora_([AB])\.")


class BadAdapter(Exception):
    """The folder holds no adapter that vLLM could load; the message says why."""


@dataclass(frozen=True)
class Adapter:
    """What matters of an adapter. `inputs` and `outputs` are the widths of the matrices it adds to, by their names."""

    name: str
    path: str
    base: str
    rank: int
    layers: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def read(name: str, path: str) -> Adapter:
    """The adapter in a folder."""
    folder = Path(path).expanduser()
    try:
        config = json.loads((folder / "adapter_config.json").read_text())
        shapes = _shapes(folder / "adapter_model.safetensors")
        layers, inputs, outputs = 0, dict[str, int](), dict[str, int]()
        for tensor, shape in shapes.items():
            match = _TENSOR.search(tensor)
            if match is not None:
                layers = max(layers, int(match[1]) + 1)
                if match[3] == "A":
                    inputs[match[2]] = shape[1]
                else:
                    outputs[match[2]] = shape[0]
        return Adapter(name, path, str(config.get("base_model_name_or_path", "")), config["r"], layers, inputs, outputs)
    except OSError as error:
        raise BadAdapter(
            f"The adapter {name} can't be read ({error.strerror}: {error.filename}): give a folder with "
            "adapter_config.json and adapter_model.safetensors, as PEFT writes them."
        ) from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadAdapter(
            f"{folder} holds no LoRA adapter in PEFT's format ({type(error).__name__}: {error})."
        ) from None


def rank_for(adapters: list[Adapter]) -> int:
    """The smallest --max-lora-rank that takes them all."""
    highest = max(adapter.rank for adapter in adapters)
    for rank in RANKS:
        if rank >= highest:
            return rank
    raise BadAdapter(f"An adapter has rank {highest}; vLLM takes at most {RANKS[-1]}: train it with a lower one.")


def same_family(adapter_base: str, model: str) -> bool:
    """Whether two names mean the same weights, quantized or not: organisation and quantization don't count."""

    def plain(name: str) -> str:
        return re.sub(r"-(gptq|awq|fp8|int4|int8|4bit|8bit|bnb|w\d+a\d+)\b.*$", "", Path(name).name.lower())

    return plain(adapter_base) == plain(model)


def _shapes(file: Path) -> dict[str, list[int]]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 0 < length < _LONGEST_HEADER:
            raise ValueError("not a safetensors file")
        header = json.loads(opened.read(length))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
