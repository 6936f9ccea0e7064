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
    if target.device.type == "cpu":
        rows = mask.nonzero()[:, 0]
        if len(rows):
            target.index_copy_(0, rows, function(*(argument.index_select(0, rows) for argument in arguments)))
    else:
        chosen = mask.view(-1, *(1 for _ in target.shape[1:]))
        target.copy_(torch.where(chosen, function(*arguments), target))
