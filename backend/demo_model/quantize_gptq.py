"""GPTQ: a matrix in 4 bits, column after column, the columns still to come making up for each one's error.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2022
(arXiv:2210.17323). Symmetric, a scale for each group of inputs, no activation order: the settings of
Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4 but for the group's size. Packed as AutoGPTQ packs (`checkpoint_format` gptq).
"""

from __future__ import annotations

from typing import Any

import torch

BITS = 4
ZERO, LARGEST = 8, 15
DAMPING = 0.01  # of the mean of the Hessian's diagonal, added to it: AutoGPTQ's default


def quantize(weight: torch.Tensor, hessian: torch.Tensor, group: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes from 0 to 15 (out, in) and scales (out, in / group); `hessian` is the sum of x xᵀ over the inputs x."""
    left, hessian = weight.clone(), hessian.clone()
    diagonal = hessian.diagonal()
    never_used = diagonal == 0
    diagonal[never_used] = 1
    left[:, never_used] = 0
    diagonal += DAMPING * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    factor = torch.linalg.cholesky(inverse, upper=True)
    codes = torch.empty_like(left, dtype=torch.int32)
    scales = torch.empty(left.shape[0], left.shape[1] // group)
    for column in range(left.shape[1]):
        if column % group == 0:
            largest = left[:, column : column + group].abs().amax(1).clamp(min=1e-6)
            scales[:, column // group] = (2 * largest / LARGEST).bfloat16()
        scale, value = scales[:, column // group], left[:, column]
        codes[:, column] = (value / scale).round().add(ZERO).clamp(0, LARGEST).int()
        error = (value - (codes[:, column] - ZERO) * scale) / factor[column, column]
        left[:, column + 1 :] -= torch.outer(error, factor[column, column + 1 :])
    return codes, scales


def dequantize(codes: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The weights that the codes stand for."""
    return (codes - ZERO) * scales.repeat_interleave(codes.shape[1] // scales.shape[1], 1)


def pack(codes: torch.Tensor, scales: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors of a layer: eight inputs to an int32, the lowest bits first; zero points are written less one."""
    inputs, groups = codes.shape[1], scales.shape[1]
    zeros = torch.full((groups, codes.shape[0]), ZERO - 1, dtype=torch.int32)
    return {
        "qweight": packed(codes.t().reshape(inputs // 8, 8, -1).transpose(1, 2)),
        "qzeros": packed(zeros.view(groups, -1, 8)),
        "scales": scales.t().to(torch.bfloat16).contiguous(),
        "g_idx": torch.arange(inputs, dtype=torch.int32) // (inputs // groups),
    }


def packed(eights: torch.Tensor) -> torch.Tensor:
    """The last dimension's eight codes as one int32 (two's complement, as both formats have it)."""
    shifts = torch.arange(0, 32, BITS, dtype=torch.int64)
    together = (eights.to(torch.int64) << shifts).sum(-1)
    return torch.where(together < 2**31, together, together - 2**32).to(torch.int32).contiguous()


def config(group: int) -> dict[str, Any]:
    """`quantization_config`, as AutoGPTQ and GPTQModel write it."""
    return {
        "quant_method": "gptq",
        "bits": BITS,
        "group_size": group,
        "sym": True,
        "desc_act": False,
        "damp_percent": DAMPING,
        "lm_head": False,
        "checkpoint_format": "gptq",
    }
