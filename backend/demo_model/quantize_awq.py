"""AWQ: the inputs that matter are made larger before a matrix is rounded to 4 bits, and smaller where they come from.

Lin et al., "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", 2023 (arXiv:2306.00978).
Zero points, a scale for each group of inputs; the strength of the enlarging and the clipping of each group are searched
for. Packed as AutoAWQ packs (`version` gemm). Unlike AutoAWQ it judges by the error of the matrices' own outputs, not
by that of the block around them, which needs no more than the sum of x xᵀ.
"""

from __future__ import annotations

from typing import Any

import torch

from backend.demo_model.quantize_gptq import BITS, LARGEST, packed

STRENGTHS = 20  # tried from 0 to 0.95, as AutoAWQ does
CLIPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)  # shares of a group's range, as AutoAWQ tries
PACK_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)

Codes = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def enlarging(weights: list[torch.Tensor], hessian: torch.Tensor, magnitude: torch.Tensor, group: int) -> torch.Tensor:
    """By how much to enlarge each input of the matrices that share it; `magnitude` is the mean of |x|."""
    best, least = torch.ones_like(magnitude), torch.inf
    for step in range(STRENGTHS):
        factors = magnitude.pow(step / STRENGTHS).clamp(min=1e-4)
        factors = factors / (factors.max() * factors.min()).sqrt()
        error = 0.0
        for weight in weights:
            off = dequantize(*quantize(weight * factors, group)) / factors - weight
            error += ((off @ hessian) * off).sum().item()
        if error < least:
            best, least = factors, error
    return best


def clipped(weight: torch.Tensor, hessian: torch.Tensor, group: int) -> torch.Tensor:
    """The weights with each group clipped to that share of its range which loses least of the group's output."""
    outputs, inputs = weight.shape
    groups = weight.view(outputs, -1, group)
    blocks = torch.stack([hessian[at : at + group, at : at + group] for at in range(0, inputs, group)])
    best, least = groups.clone(), torch.full(groups.shape[:2], torch.inf)
    for share in CLIPS:
        limit = groups.abs().amax(-1, keepdim=True) * share
        candidate = groups.clamp(-limit, limit)
        off = dequantize(*quantize(candidate.reshape(outputs, inputs), group)).view_as(groups) - groups
        error = torch.einsum("ogi,gij,ogj->og", off, blocks, off)
        better = error < least
        least = torch.where(better, error, least)
        best[better] = candidate[better]
    return best.view(outputs, inputs)


def quantize(weight: torch.Tensor, group: int) -> Codes:
    """Codes from 0 to 15 (out, in), scales and zero points (out, in / group): plain rounding."""
    groups = weight.view(weight.shape[0], -1, group)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scales = ((high - low) / LARGEST).clamp(min=1e-6).bfloat16().float()
    zeros = (-low / scales).round().clamp(0, LARGEST)
    codes = (groups / scales[..., None]).round().add(zeros[..., None]).clamp(0, LARGEST)
    return codes.view_as(weight).int(), scales, zeros.int()


def dequantize(codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    """The weights that the codes stand for."""
    group = codes.shape[1] // scales.shape[1]
    return (codes - zeros.repeat_interleave(group, 1)) * scales.repeat_interleave(group, 1)


def pack(codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors of a layer: eight outputs to an int32, in AWQ's own order."""
    inputs, groups, order = codes.shape[1], scales.shape[1], list(PACK_ORDER)
    return {
        "qweight": packed(codes.t().reshape(inputs, -1, 8)[..., order]),
        "qzeros": packed(zeros.t().reshape(groups, -1, 8)[..., order]),
        "scales": scales.t().to(torch.bfloat16).contiguous(),
    }


def config(group: int) -> dict[str, Any]:
    """`quantization_config`, as AutoAWQ writes it."""
    return {
        "quant_method": "awq",
        "bits": BITS,
        "group_size": group,
        "zero_point": True,
        "version": "gemm",
        "modules_to_not_convert": None,
    }
