"""Functions of single numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Maybe = Tensor | None


class _Pointwise(Function):
    """y = f(x), where a function of x gives f(x), f′(x) and f″(x): they are computed once for all products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        y, first, second = function(x)
        ctx.save_for_backward(x, first, second)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        x, first, second = ctx.saved_tensors
        if not torch.is_grad_enabled():  # the last pass: nothing will be differentiated again
            return g * first, None
        return _PointwiseGradient.apply(g, x, first, second), None


class _PointwiseGradient(Function):
    """(g, x) ↦ g·f′(x)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        del x
        ctx.save_for_backward(first, g * second)
        return g * first

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None, None]:
        first, bend = ctx.saved_tensors
        return v * first, v * bend, None, None


def gelu(x: Tensor, approximate: str = "none") -> Maybe:
    """Stand for `torch.nn.functional.gelu`; decline its approximation."""
    if approximate != "none":
        return None
    y: Tensor = _Pointwise.apply(x, _gelu)
    return y


def _gelu(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    bell = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    below = torch.erf(x / math.sqrt(2)).add_(1).div_(2)
    return x * below, below + x * bell, bell * (2 - x.square())


def hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    """Stand for `torch.nn.functional.hardsigmoid`, of which torch has no second derivative."""
    del inplace  # it returns what it made in place, too
    return F.relu6(x + 3) / 6
