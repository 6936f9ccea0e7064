"""Linear layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from vitwork.device import onednn

Maybe = Tensor | None
Three = tuple[Maybe, Maybe, Maybe]


def _product(a: Tensor, b: Tensor, bias: Maybe = None) -> Tensor:
    """Return a bᵀ + bias."""
    return onednn.product(a, b, bias) if onednn.covers(a) else F.linear(a, b, bias)


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Add a bᵀ to a total, in place."""
    return total.add_(onednn.product(a, b)) if onednn.covers(a) else total.addmm_(a, b.t())


def _transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """Return aᵀ b."""
    return onednn.transposed_product(a, b) if onednn.covers(a) else a.t() @ b


class _Linear(Function):
    """(x, w, b) ↦ x wᵀ + b for x (n, in) and w (out, in)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Maybe) -> Tensor:
        ctx.save_for_backward(x, w)
        return _product(x, w, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Three:
        found: Three = _Gradients.apply(g, *ctx.saved_tensors, ctx.needs_input_grad)
        return found


class _Gradients(Function):
    """(g, x, w) ↦ (g w, gᵀ x, Σ g): what goes back to the input, the weight and the bias."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, needed: tuple[bool, bool, bool]) -> Three:
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)
        return (
            _product(g, w.t()) if needed[0] else None,
            _transposed_product(g, x) if needed[1] else None,
            g.sum(0) if needed[2] else None,
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Maybe, vw: Maybe, vb: Maybe) -> tuple[Maybe, Maybe, Maybe, None]:
        g, x, w = ctx.saved_tensors
        to_g = None if vb is None else vb.expand_as(g)
        if vw is not None:
            to_g = _product(x, vw, vb)
            to_g = to_g if vx is None else _add_product(to_g, vx, w)
        elif vx is not None:
            to_g = _product(vx, w, vb)
        to_x = _product(g, vw.t()) if vw is not None and ctx.needs_input_grad[1] else None
        to_w = _transposed_product(g, vx) if vx is not None and ctx.needs_input_grad[2] else None
        return to_g, to_x, to_w, None


def linear(x: Tensor, weight: Tensor, bias: Maybe = None) -> Maybe:
    """Stand for `torch.nn.functional.linear`; decline a single row."""
    if x.dim() < 2:
        return None
    y: Tensor = _Linear.apply(x.flatten(0, -2), weight, bias).unflatten(0, x.shape[:-1])
    return y
