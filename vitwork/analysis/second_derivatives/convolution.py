"""Convolution over images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Pair = tuple[int, int]
Geometry = tuple[Pair, Pair, Pair, int]  # stride, padding, dilation, groups
Maybe = Tensor | None


class _Convolution(Function):
    """y = x ∗ w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, w)
        return F.conv2d(x, w, None, *geometry)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Maybe, Maybe, None]:
        x, w = ctx.saved_tensors
        return *_ConvolutionGradients.apply(g, x, w, (ctx.geometry, ctx.needs_input_grad[:2])), None


def _convolution_gradients(g: Tensor, x: Tensor, w: Tensor, geometry: Geometry, needed: Any) -> tuple[Maybe, Maybe]:
    stride, padding, dilation, groups = geometry
    found = torch.ops.aten.convolution_backward(
        g, x, w, None, stride, padding, dilation, False, (0, 0), groups, (*needed, False)
    )
    return found[0], found[1]


class _ConvolutionGradients(Function):
    """(g, x, w) ↦ (g ∗ᵀ w, x ⋆ g): what goes back to the input and to the kernel."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, how: tuple[Geometry, Any]) -> tuple[Maybe, Maybe]:
        geometry, needed = how
        ctx.geometry = geometry
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)
        return _convolution_gradients(g, x, w, geometry, needed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Maybe, vw: Maybe) -> tuple[Maybe, Maybe, Maybe, None]:
        g, x, w = ctx.saved_tensors
        # Both outputs are bilinear, so each derivative is one of the same three maps with a cotangent in the other's place.
        to_g = None
        if vx is not None:
            to_g = F.conv2d(vx, w, None, *ctx.geometry)
        if vw is not None:
            more = F.conv2d(x, vw, None, *ctx.geometry)
            to_g = more if to_g is None else to_g.add_(more)
        needed = (vw is not None and ctx.needs_input_grad[1], vx is not None and ctx.needs_input_grad[2])
        to_x, to_w = _convolution_gradients(g, x if vx is None else vx, w if vw is None else vw, ctx.geometry, needed)
        return to_g, to_x, to_w, None


def _pair(value: Any) -> Pair:
    first, second = (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]
    return first, second


def conv2d(  # noqa: PLR0917  # the signature of the function that it stands for
    x: Tensor, weight: Tensor, bias: Maybe = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Maybe:
    """Stand for `torch.nn.functional.conv2d`; decline padding given by name."""
    if isinstance(padding, str):
        return None
    y: Tensor = _Convolution.apply(x, weight, (_pair(stride), _pair(padding), _pair(dilation), groups))
    return y if bias is None else y + bias.view(-1, 1, 1)
