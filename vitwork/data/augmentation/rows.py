"""Applying a function to rows of a batch that a mask on the device selects."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def on_rows(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Set the rows of `target` where `mask` is true to `function` of the same rows of `arguments`.

    On a CPU only those rows are computed. On other devices all rows are computed and the others are dropped, because
    the host would have to wait for the device to learn their number.

    Args:
        mask: bool (b,).
        target: (b, …), changed in place.
        function: maps rows to rows, each independently of the others.
        arguments: tensors with b rows.
    """
    on_device = on_some if target.device.type == "cpu" else on_all
    on_device(mask, target, function, *arguments)


def on_some(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Do the same as `on_rows` by computing only the selected rows; the host has to learn their number."""
    rows = mask.nonzero()[:, 0]
    if len(rows):
        target.index_copy_(0, rows, function(*(argument.index_select(0, rows) for argument in arguments)))


def on_all(mask: Tensor, target: Tensor, function: Callable[..., Tensor], *arguments: Tensor) -> None:
    """Do the same as `on_rows` by computing every row; the host does not need the number of selected rows."""
    chosen = mask.view(-1, *(1 for _ in target.shape[1:]))
    target.copy_(torch.where(chosen, function(*arguments), target))
