"""Linear layers, computed by oneDNN where that pays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from vitwork.training.linear import pays, product, transposed_product

Maybe = Tensor | None


class _Linear(Function):
    """(x, w) ↦ x wᵀ for x (n, in) and w (out, in)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return product(x, w)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Maybe, Maybe]:
        x, w = ctx.saved_tensors
        found: tuple[Maybe, Maybe] = _Gradients.apply(g, x, w, ctx.needs_input_grad)
        return found


class _Gradients(Function):
    """(g, x, w) ↦ (g w, gᵀ x): what goes back to the input and to the weight."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, needed: tuple[bool, bool]) -> tuple[Maybe, Maybe]:
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)
        return product(g, w.t()) if needed[0] else None, transposed_product(g, x) if needed[1] else None

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Maybe, vw: Maybe) -> tuple[Maybe, Maybe, Maybe, None]:
        g, x, w = ctx.saved_tensors
        to_g = None if vx is None else product(vx, w)
        if vw is not None:
            more = product(x, vw)
            to_g = more if to_g is None else to_g.add_(more)
        to_x = None if vw is None else product(g, vw.t())
        to_w = None if vx is None else transposed_product(g, vx)
        return to_g, to_x, to_w, None


def linear(x: Tensor, weight: Tensor, bias: Maybe = None) -> Maybe:
    """Stand for `torch.nn.functional.linear`; decline where torch is as fast."""
    single = x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu"
    if not (single and pays()) or x.dim() < 2:
        return None
    y: Tensor = _Linear.apply(x.flatten(0, -2), weight).unflatten(0, x.shape[:-1])
    return y if bias is None else y + bias
