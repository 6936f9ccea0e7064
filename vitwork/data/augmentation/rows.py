"""Doing something to some rows of a batch, chosen on the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def on_rows(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Set the rows of `target` where `mask` holds to `function` of the same rows of `arguments`.

    On a CPU only those rows are computed. Elsewhere all are and the others are dropped, because finding out how many
    there are would make the host wait for the device.

    Args:
        mask: bool (b,).
        target: (b, …), changed in place.
        function: maps rows to rows, each by itself.
        arguments: tensors of b rows.
    """
    on_device = on_some if target.device.type == "cpu" else on_all
    on_device(mask, target, function, *arguments)


def on_some(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Do what `on_rows` says by computing the chosen rows; the host must know how many there are."""
    rows = mask.nonzero()[:, 0]
    if len(rows):
        target.index_copy_(0, rows, function(*(argument.index_select(0, rows) for argument in arguments)))


def on_all(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Do what `on_rows` says by computing every row; the host knows nothing."""
    chosen = mask.view(-1, *(1 for _ in target.shape[1:]))
    target.copy_(torch.where(chosen, function(*arguments), target))
