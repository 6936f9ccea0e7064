"""Normalisation by fixed statistics: a scale and a shift for every channel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Maybe = Tensor | None


class _Affine(Function):
    """(x, scale, shift) ↦ x·scale + shift, with scale and shift in a shape that broadcasts over all but the channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale)
        return torch.addcmul(shift, x, scale)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found: tuple[Tensor, Tensor, Tensor] = _AffineGradients.apply(g, *ctx.saved_tensors)
        return found


class _AffineGradients(Function):
    """(g, x, scale) ↦ (g·scale, Σ g·x, Σ g)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(g, x, scale)
        return g * scale, (g * x).sum_to_size(scale.shape), g.sum_to_size(scale.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Tensor, v_scale: Tensor, v_shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        g, x, scale = ctx.saved_tensors
        to_g = torch.addcmul(v_shift, vx, scale).addcmul_(x, v_scale)
        return to_g, g * v_scale, (g * vx).sum_to_size(scale.shape)


def batch_norm(x: Tensor, mean: Maybe, variance: Maybe, **options: Any) -> Maybe:
    """Stand for `torch.nn.functional.batch_norm`; decline the statistics of the batch."""
    if options["training"] or mean is None or variance is None:
        return None
    scale = torch.rsqrt(variance + options["eps"])
    scale = scale if options["weight"] is None else scale * options["weight"]
    shift = -mean * scale
    shift = shift if options["bias"] is None else shift + options["bias"]
    shape = (1, -1, *(1,) * (x.dim() - 2))
    y: Tensor = _Affine.apply(x, scale.view(shape), shift.view(shape))
    return y
