"""Scaled dot-product attention with its first and second derivatives written out.

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


class Attention(Function):
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
        to_scores = _through_softmax(g @ v.mT, p)
        return to_scores @ k, to_scores.mT @ q, p.mT @ g, None


def _through_softmax(g: Tensor, p: Tensor) -> Tensor:
    """Turn the gradient of p = softmax(s) into that of s, p·(g − Σ p g), in place of `g`."""
    g.mul_(p)
    return g.addcmul_(p, g.sum(-1, keepdim=True), value=-1)


class _Gradients(Function):
    """(g, q, k, v) ↦ the gradients of attention for q, k and v; p is what the forward pass found."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, q: Tensor, k: Tensor, v: Tensor, p: Tensor) -> Three:
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
        bend = _through_softmax(a.sub_(total).mul_(centred).baddbmm_(g, uv.mT), p)
        to_q = (to_scores @ uk).baddbmm_(bend, k)
        to_k = (to_scores.mT @ uq).baddbmm_(bend.mT, q)
        return to_g, to_q, to_k, to_v, None
