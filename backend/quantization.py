"""What a weight of a quantized checkpoint takes, from the `quantization_config` of its config.json.

Each method says it in words of its own. Standard library only.
Limits: what a method that is not known here takes is not guessed; of layers in unlike numbers of bits the largest
stands for all, and what is left in 16 bits inside the layers is not looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_BITS = 16
MOST = 2**31 - 1  # no size of a model comes near
# Methods with one kind of number, which their config.json does not repeat
FIXED: Mapping[str, Mapping[str, object]] = {
    "fp8": {"bits": 8},
    "fbgemm_fp8": {"bits": 8},
    "mxfp4": {"bits": 4, "group_size": 32, "type": "float"},
}
# Beside each group of weights: a 16-bit scale and a 4-bit zero point, or, of 4-bit floats, a scale in 8 bits
GROUP_BYTES, FLOAT_GROUP_BYTES = 2.5, 1.0
BITSANDBYTES_GROUP = 64


@dataclass(frozen=True)
class Stored:
    """One weight inside the layers: its bits, and its bytes with its share of the group's scale."""

    bits: int
    bytes: float


def stored(config: Mapping[str, Any]) -> Stored | None:
    """None where this method does not say it in a way that is known; raises ValueError where what it says can't be."""
    said = _said(config)
    key = next((key for key in ("bits", "num_bits") if key in said), None)
    if key is None:
        return None
    bits, scale = whole(said, key, MOST_BITS), 0.0
    if said.get("group_size") not in (None, -1):
        of_a_group = FLOAT_GROUP_BYTES if said.get("type") == "float" else GROUP_BYTES
        scale = of_a_group / whole(said, "group_size")
    return Stored(bits, bits / 8 + scale)


def whole(values: Mapping[str, Any], key: str, most: int = MOST) -> int:
    """A size; raises ValueError."""
    value = values.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    raise ValueError(f"{key} is {value!r}, not a whole number from 1 to {most:,}")


def _said(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The words for bits, group size and kind of number, wherever this method has them."""
    method = config.get("quant_method")
    if method == "bitsandbytes":
        return {"bits": 4, "group_size": BITSANDBYTES_GROUP} if config.get("load_in_4bit") else {"bits": 8}
    if groups := config.get("config_groups"):  # compressed-tensors, and ModelOpt's files of late
        weights = [group["weights"] for group in groups.values() if group.get("weights")]
        return max(weights, key=lambda said: said.get("num_bits", 0), default={})
    return FIXED.get(str(method), config)
