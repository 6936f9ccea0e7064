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
    """y = x ∗ w + b."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Maybe, geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, w, b)
        return F.conv2d(x, w, b, *geometry)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Maybe, Maybe, Maybe, None]:
        x, w, _ = ctx.saved_tensors
        needed = ctx.needs_input_grad[:3]
        if not torch.is_grad_enabled():  # the last pass: nothing will be differentiated again
            return *_convolution_gradients(g, x, w, ctx.geometry, needed), None
        return *_ConvolutionGradients.apply(g, x, w, (ctx.geometry, needed)), None


def _convolution_gradients(
    g: Tensor, x: Tensor, w: Tensor, geometry: Geometry, needed: tuple[bool, bool, bool]
) -> tuple[Maybe, Maybe, Maybe]:
    stride, padding, dilation, groups = geometry
    found: tuple[Maybe, Maybe, Maybe] = torch.ops.aten.convolution_backward(
        g, x, w, w.shape[:1], stride, padding, dilation, False, (0, 0), groups, needed
    )
    return found


class _ConvolutionGradients(Function):
    """(g, x, w) ↦ (g ∗ᵀ w, x ⋆ g, Σ g): what goes back to the input, the kernel and the bias."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, how: tuple[Geometry, Any]) -> tuple[Maybe, Maybe, Maybe]:
        geometry, needed = how
        ctx.geometry = geometry
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)
        return _convolution_gradients(g, x, w, geometry, needed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Maybe, vw: Maybe, vb: Maybe) -> tuple[Maybe, Maybe, Maybe, None]:
        g, x, w = ctx.saved_tensors
        # The outputs are bilinear, so each derivative is one of the same three maps with a cotangent in the other's place.
        to_g = None if vb is None else vb.view(-1, 1, 1).expand_as(g)
        if vw is not None:
            to_g = F.conv2d(x, vw, vb, *ctx.geometry)
            to_g = to_g if vx is None else to_g.add_(F.conv2d(vx, w, None, *ctx.geometry))
        elif vx is not None:
            to_g = F.conv2d(vx, w, vb, *ctx.geometry)
        needed = (vw is not None and ctx.needs_input_grad[1], vx is not None and ctx.needs_input_grad[2], False)
        to_x, to_w, _ = _convolution_gradients(
            g, x if vx is None else vx, w if vw is None else vw, ctx.geometry, needed
        )
        return to_g, to_x, to_w, None


def _pair(value: Any) -> Pair:
    first, second = (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]
    return first, second


def conv2d(  # noqa: PLR0917  # the signature of the function that it stands for
    x: Tensor, weight: Tensor, bias: Maybe = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Maybe:
    """Stand for `torch.nn.functional.conv2d`; decline padding given by name, and an image without a batch."""
    if isinstance(padding, str) or x.dim() != 4:
        return None
    y: Tensor = _Convolution.apply(x, weight, bias, (_pair(stride), _pair(padding), _pair(dilation), groups))
    return y


def scaled(y: Tensor, scale: Tensor, shift: Tensor) -> Maybe:
    """Return y·scale + shift, channel by channel, as one convolution where y is a convolution, else None.

    It spares every product some passes over y, and BatchNorm mostly follows a convolution.
    """
    made: Any = y.grad_fn
    convolved = isinstance(made, _Convolution._backward_cls)  # noqa: SLF001 - torch's only way in
    if not convolved:
        return None
    x, w, b = made.saved_tensors
    moved = shift if b is None else torch.addcmul(shift, b, scale)
    found: Tensor = _Convolution.apply(x, w * scale.view(-1, 1, 1, 1), moved, made.geometry)
    return found
