"""Softmax, and scaled dot-product attention as a whole.

With P = softmax(Q Kᵀ) and O = P V, differentiating twice through torch's operations makes some eight new maps of the size
of P for each product; here it is three, each overwritten in place. Large fresh maps cost more than their arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Three = tuple[Tensor, Tensor, Tensor]
Maybe = Tensor | None


class _Softmax(Function):
    """y = softmax(x) over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return _centred(g * y, y)
        found: Tensor = _SoftmaxGradient.apply(g, y)
        return found


def _centred(weighted: Tensor, p: Tensor) -> Tensor:
    """Turn p·g into p·(g − Σ p g), the gradient through p = softmax(s), in place."""
    return weighted.addcmul_(p, weighted.sum(-1, keepdim=True), value=-1)


class _SoftmaxGradient(Function):
    """(g, y) ↦ y·(g − Σ g y)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(g, y, g - (g * y).sum(-1, keepdim=True))
        return _centred(g * y, y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor]:
        g, y, centred = ctx.saved_tensors
        vy = v * y
        total = vy.sum(-1, keepdim=True)
        return vy.addcmul_(y, total, value=-1), (v * centred).addcmul_(g, total, value=-1)


class _Attention(Function):
    """(q, k, v, mask) ↦ softmax(q kᵀ + mask) v, on queries and keys (b, n, d) and values (b, n, e).

    The scale belongs into the queries. The mask, if any, is a constant that broadcasts to (b, n, n).
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        scores = q @ k.mT
        p = torch.softmax(scores if mask is None else scores.add_(mask), -1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, p = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_Gradients.apply(g, q, k, v, p), None
        to_scores = _centred((g @ v.mT).mul_(p), p)
        return to_scores @ k, to_scores.mT @ q, p.mT @ g, None


class _Gradients(Function):
    """(g, q, k, v) ↦ the gradients of attention for q, k and v; p is what the forward pass found."""

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd differentiates by positional inputs
        ctx: Any, g: Tensor, q: Tensor, k: Tensor, v: Tensor, p: Tensor
    ) -> Three:
        centred = g @ v.mT
        centred -= torch.linalg.vecdot(centred, p).unsqueeze(-1)
        to_scores = p * centred
        ctx.save_for_backward(g, q, k, v, p, centred, to_scores)
        return to_scores @ k, to_scores.mT @ q, p.mT @ g

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, uq: Tensor, uk: Tensor, uv: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        """Differentiate φ = ⟨uq, dq⟩ + ⟨uk, dk⟩ + ⟨uv, dv⟩.

        With the tangents A = uq kᵀ + q ukᵀ of the scores and T = p·(A − Σ p A) of p, φ = ⟨g vᵀ, T⟩ + ⟨g, p uv⟩. Its
        gradient for p is (A − Σ p A)·(g vᵀ − Σ p g vᵀ) + g uvᵀ, up to a constant in each row, which softmax ignores.
        """
        g, q, k, v, p, centred, to_scores = ctx.saved_tensors
        a = (uq @ k.mT).baddbmm_(q, uk.mT)
        t = p * a
        total = t.sum(-1, keepdim=True)
        t.addcmul_(p, total, value=-1)
        to_g, to_v = (p @ uv).baddbmm_(t, v), t.mT @ g
        bend = _centred(a.sub_(total).mul_(centred).baddbmm_(g, uv.mT).mul_(p), p)
        to_q = (to_scores @ uk).baddbmm_(bend, k)
        to_k = (to_scores.mT @ uq).baddbmm_(bend.mT, q)
        return to_g, to_q, to_k, to_v, None


def softmax(x: Tensor, dim: int | None = None, *more: Any, **options: Any) -> Maybe:
    """Stand for softmax over the last dimension; decline others, and another precision."""
    if dim not in {-1, x.dim() - 1} or more or options.get("dtype") is not None:
        return None
    y: Tensor = _Softmax.apply(x)
    return y


def attention(  # noqa: PLR0917  # the signature of the function that it stands for
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Maybe = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Maybe:
    """Stand for `torch.nn.functional.scaled_dot_product_attention`; decline dropout, learned and boolean masks."""
    constant = attn_mask is None or not (attn_mask.dtype == torch.bool or attn_mask.requires_grad)
    alike = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    if dropout_p or is_causal or enable_gqa or not constant or not alike:
        return None
    heads = query.shape[:-2]
    q, k, v = (x.reshape(-1, *x.shape[-2:]) for x in (query, key, value))
    mask = attn_mask
    if mask is not None and mask.dim() > 2:
        mask = mask.expand(*heads, *mask.shape[-2:]).reshape(-1, *mask.shape[-2:])
    y: Tensor = _Attention.apply(q * (q.shape[-1] ** -0.5 if scale is None else scale), k, v, mask)
    return y.view(*heads, *y.shape[-2:])
