"""Parameters, gradients and products as one vector, in the order in which they lie in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def derivative(gradient: Tensor, parameters: Sequence[Tensor], vector: Tensor, *, keep: bool) -> Tensor:
    """Return the derivative of ``gradient · vector`` by parameters, flat; with vectors as rows, one row for each.

    Args:
        gradient: the gradient with its graph; (P,) or, for parameters that hold several copies, (copies, P).
        parameters: what to differentiate by.
        vector: shape of the gradient.
        keep: whether the graph is needed again.
    """
    if not gradient.requires_grad:  # the loss is linear in the weights
        return torch.zeros_like(vector)
    found = torch.autograd.grad(gradient, parameters, vector, retain_graph=keep, allow_unused=True)
    return flat(found, parameters, batched=gradient.dim() == 2)


def flat(pieces: Iterable[Tensor | None], parameters: Sequence[Tensor], *, batched: bool = False) -> Tensor:
    """Return one tensor per parameter joined to one vector, with zeros for None; with ``batched``, a vector per row."""
    found = zip(pieces, parameters, strict=True)
    whole = [stored(torch.zeros_like(p) if x is None else x, p.dim() - batched) for x, p in found]
    return torch.cat([x.reshape(len(x), -1) if batched else x.reshape(-1) for x in whole], dim=-1)


def stored(value: Tensor, dimensions: int) -> Tensor:
    """Return a value of a parameter with so many dimensions in its memory order, so that flattening copies nothing."""
    return value.movedim(-3, -1) if dimensions == 4 else value
