"""Normalisation: of channels by fixed statistics, which scales and shifts them, and of the features of each position."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from vitwork.analysis.curvature.second_derivatives import convolution

Maybe = Tensor | None
Three = tuple[Tensor, Tensor, Tensor]


class _BatchNorm(Function):
    """y = (x − mean)·r·w + b, with fixed mean and r = 1/√(variance + ε) of each channel."""

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd differentiates by positional inputs
        ctx: Any, x: Tensor, w: Tensor, b: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, w, mean, variance)
        ctx.eps = eps
        return _standardised(x, torch.rsqrt(variance + eps) * w, b, mean)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        return *_BatchNormGradients.apply(g, *ctx.saved_tensors, ctx.eps), None, None, None


def _across(values: Tensor, x: Tensor) -> Tensor:
    """Return one value per channel in a shape that broadcasts over x."""
    return values.view(-1, *(1,) * (x.dim() - 2))


def _shift(scale: Tensor, b: Tensor, mean: Tensor) -> Tensor:
    """Return what (x − mean)·scale + b adds to x·scale."""
    return torch.addcmul(b, mean, scale, value=-1)


def _standardised(x: Tensor, scale: Tensor, b: Tensor, mean: Tensor) -> Tensor:
    """Return (x − mean)·scale + b, channel by channel."""
    return torch.addcmul(_across(_shift(scale, b, mean), x), x, _across(scale, x))


class _BatchNormGradients(Function):
    """(g, x, w) ↦ (g·r·w, Σ g·(x − mean)·r, Σ g): what goes back to the input, the weight and the bias."""

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd differentiates by positional inputs
        ctx: Any, g: Tensor, x: Tensor, w: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Three:
        ctx.save_for_backward(g, x, w, mean, torch.rsqrt(variance + eps))
        found: Three = torch.ops.aten.native_batch_norm_backward(
            g, x, w, mean, variance, None, None, False, eps, (True, True, True)
        )
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Tensor, vw: Tensor, vb: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        g, x, w, mean, r = ctx.saved_tensors
        slope = r * vw
        to_g = _standardised(x, slope, vb, mean).addcmul_(vx, _across(r * w, x))
        to_w = r * (g * vx).sum([0, *range(2, x.dim())])
        return to_g, g * _across(slope, x), to_w, None, None, None


class _LayerNorm(Function):
    """y = x̂·w + b for x (rows, n), with x̂ = (x − mean)·r and r = 1/√(variance + ε) of each row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
        y, mean, r = torch.native_layer_norm(x, x.shape[1:], w, b, eps)
        ctx.save_for_backward(x, w, mean, r)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, w, mean, r = ctx.saved_tensors
        if not torch.is_grad_enabled():  # the last pass: nothing will be differentiated again
            return *_back(g, x, w, mean, r, whole=True), None
        return *_LayerNormGradients.apply(g, x, w, mean, r), None


def _back(g: Tensor, x: Tensor, w: Maybe, mean: Tensor, r: Tensor, *, whole: bool = False) -> Three:
    """Return P (g·w), where P u = r·(u − mean(u) − x̂ mean(u x̂)) is symmetric in each row; if ``whole``, Σ g·x̂ and Σ g too."""
    found: Three = torch.ops.aten.native_layer_norm_backward(g, x, x.shape[1:], mean, r, w, w, (True, whole, whole))
    return found


class _LayerNormGradients(Function):
    """(g, x, w) ↦ (P (g·w), Σ g·x̂, Σ g): what goes back to the input, the weight and the bias."""

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd differentiates by positional inputs
        ctx: Any, g: Tensor, x: Tensor, w: Tensor, mean: Tensor, r: Tensor
    ) -> Three:
        found = _back(g, x, w, mean, r, whole=True)
        standard = (x - mean).mul_(r)
        ctx.save_for_backward(g, x, w, mean, r, found[0], standard, (g * standard) @ w)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Tensor, vw: Tensor, vb: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Differentiate φ = ⟨vx, P (g·w)⟩ + ⟨vw, Σ g·x̂⟩ + ⟨vb, Σ g⟩.

        The first term is r·n·(the covariance of vx and g·w − mean(vx x̂) mean(g w x̂)). Its gradient for x̂ goes back through
        P once more; for r it is ⟨P vx, g·w⟩ / r, and r has the gradient −r² x̂ / n.
        """
        g, x, w, mean, r, to_input, standard, along = ctx.saved_tensors
        share = r.squeeze(1) / -x.shape[1]
        p = _back(vx, x, None, mean, r)[0]
        to_g = torch.addcmul(vb, standard, vw).addcmul_(p, w)
        gp = g * p
        to_x = _back(g, x, vw, mean, r)[0]
        to_x.addcmul_(p, (share * along).unsqueeze(1))
        to_x.addcmul_(to_input, (share * torch.linalg.vecdot(vx, standard)).unsqueeze(1))
        to_x.addcmul_(standard, (share * (gp @ w)).unsqueeze(1))
        return to_g, to_x, gp.sum(0), None, None


def layer_norm(x: Tensor, shape: Any, weight: Maybe = None, bias: Maybe = None, eps: float = 1e-5) -> Tensor:
    """Stand for `torch.nn.functional.layer_norm`."""
    rows = x.reshape(-1, math.prod(shape))
    w = rows.new_ones(rows.shape[1]) if weight is None else weight.reshape(-1)
    b = rows.new_zeros(rows.shape[1]) if bias is None else bias.reshape(-1)
    y: Tensor = _LayerNorm.apply(rows, w, b, eps)
    return y.view(x.shape)


def batch_norm(x: Tensor, mean: Maybe, variance: Maybe, **options: Any) -> Maybe:
    """Stand for `torch.nn.functional.batch_norm`; decline the statistics of the batch."""
    if options["training"] or mean is None or variance is None:
        return None
    w = torch.ones_like(mean) if options["weight"] is None else options["weight"]
    b = torch.zeros_like(mean) if options["bias"] is None else options["bias"]
    scale = w * torch.rsqrt(variance + options["eps"])
    if (folded := convolution.scaled(x, scale, _shift(scale, b, mean))) is not None:
        return folded
    y: Tensor = _BatchNorm.apply(x, w, b, mean, variance, options["eps"])
    return y
