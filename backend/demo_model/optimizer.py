"""Muon for the matrices inside the layers, AdamW for embeddings, norms and biases.

Muon (K. Jordan, 2024) keeps a momentum of the gradients and makes the singular values of each step about equal by a
few Newton-Schulz iterations: X <- aX + (bA + cAA)X with A = XX'. Small models learn in clearly fewer steps with it.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 4
_MOMENTUM = 0.95
_MATRIX_DECAY = 0.05
_ADAM_BETAS = (0.9, 0.97)


class MuonWithAdamW:
    """One optimizer for a whole Qwen2 model; `step` takes the share of the full learning rates to use."""

    def __init__(self, model: nn.Module, matrix_rate: float, other_rate: float) -> None:
        self.matrix_rate = matrix_rate
        self.other_rate = other_rate
        self._matrices: defaultdict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                self._matrices[parameter.shape].append(parameter)
            else:
                others.append(parameter)
        self._momenta = {
            shape: torch.zeros(len(parameters), *shape, device=parameters[0].device)
            for shape, parameters in self._matrices.items()
        }
        self._adam = torch.optim.AdamW(others, betas=_ADAM_BETAS, weight_decay=0.0)

    def step(self, share: float) -> None:
        """Update all parameters from their gradients, then drop the gradients."""
        rate = self.matrix_rate * share
        with torch.no_grad():
            for shape, parameters in self._matrices.items():
                gradients = torch.stack([parameter.grad for parameter in parameters])
                momentum = self._momenta[shape].lerp_(gradients, 1 - _MOMENTUM)
                updates = orthogonal(gradients.lerp(momentum, _MOMENTUM)) * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - rate * _MATRIX_DECAY).sub_(update, alpha=rate)
                    parameter.grad = None
        for group in self._adam.param_groups:
            group["lr"] = self.other_rate * share
        self._adam.step()
        self._adam.zero_grad()


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """A stack of matrices (count, rows, columns) with their singular values brought near one."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
