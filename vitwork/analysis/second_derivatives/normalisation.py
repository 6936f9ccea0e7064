"""Normalisation: of channels by fixed statistics, which scales and shifts them, and of the features of each position."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from vitwork.analysis.second_derivatives import convolution

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


class _Standardised(Function):
    """x (rows, n) ↦ x̂ = (x − mean)·r, with r = 1/√(variance + ε) of each row.

    What goes back through it, P g = r·(g − mean(g) − x̂ mean(g x̂)), is symmetric in each row.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        y, mean, r = torch.native_layer_norm(x, x.shape[1:], None, None, eps)
        ctx.save_for_backward(x, y, mean, r)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        x, y, mean, r = ctx.saved_tensors
        if not torch.is_grad_enabled():  # the last pass: nothing will be differentiated again
            return _back(g, x, mean, r), None
        found: Tensor = _StandardisedGradient.apply(g, x, y, mean, r)
        return found, None


def _back(g: Tensor, x: Tensor, mean: Tensor, r: Tensor) -> Tensor:
    found: list[Tensor] = torch.ops.aten.native_layer_norm_backward(
        g, x, x.shape[1:], mean, r, None, None, (True, False, False)
    )
    return found[0]


class _StandardisedGradient(Function):
    """(g, x) ↦ P g."""

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd differentiates by positional inputs
        ctx: Any, g: Tensor, x: Tensor, y: Tensor, mean: Tensor, r: Tensor
    ) -> Tensor:
        back = _back(g, x, mean, r)
        ctx.save_for_backward(x, y, mean, r, g, back, torch.linalg.vecdot(g, y).unsqueeze(-1))
        return back

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Differentiate φ = ⟨v, P g⟩, which is r·n·(the covariance of v and g − mean(v x̂) mean(g x̂)).

        Of x̂, φ has the gradient −r·(v mean(g x̂) + g mean(v x̂)), which goes back through P once more; of r, mean(P v g)·n/r,
        and r has the gradient −r² x̂ / n.
        """
        x, y, mean, r, g, back, along = ctx.saved_tensors
        n = x.shape[1]
        to_g = _back(v, x, mean, r)
        to_x = to_g * (r * along).div_(-n)
        to_x.addcmul_(back, (r * torch.linalg.vecdot(v, y).unsqueeze(-1)).div_(-n))
        to_x.addcmul_(y, (r * torch.linalg.vecdot(to_g, g).unsqueeze(-1)).div_(-n))
        return to_g, to_x, None, None, None


def layer_norm(x: Tensor, shape: Any, weight: Maybe = None, bias: Maybe = None, eps: float = 1e-5) -> Maybe:
    """Stand for `torch.nn.functional.layer_norm`; decline a bias without a weight."""
    if weight is None and bias is not None:
        return None
    rows = _Standardised.apply(x.reshape(-1, math.prod(shape)), eps)
    if weight is not None:
        shift = torch.zeros_like(weight) if bias is None else bias
        rows = _Affine.apply(rows, weight.reshape(1, -1), shift.reshape(1, -1))
    y: Tensor = rows.view(x.shape)
    return y


def batch_norm(x: Tensor, mean: Maybe, variance: Maybe, **options: Any) -> Maybe:
    """Stand for `torch.nn.functional.batch_norm`; decline the statistics of the batch."""
    if options["training"] or mean is None or variance is None:
        return None
    scale = torch.rsqrt(variance + options["eps"])
    scale = scale if options["weight"] is None else scale * options["weight"]
    shift = -mean * scale
    shift = shift if options["bias"] is None else shift + options["bias"]
    if (folded := convolution.scaled(x, scale, shift)) is not None:
        return folded
    shape = (1, -1, *(1,) * (x.dim() - 2))
    y: Tensor = _Affine.apply(x, scale.view(shape), shift.view(shape))
    return y
