"""Checks that a model is a function of its weights: it takes others, and the same images give the same output again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitwork.errors import VitworkError

# A deterministic model repeats to the last bit on a CPU and to rounding on a GPU; dropout moves it far more.
REPEATABLE = 1e-5


def check_stateless(model: nn.Module) -> None:
    """Refuse a model that torch.jit traced or scripted, since it cannot be passed with other weights than its own.

    Raises:
        VitworkError: it is one.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise VitworkError(
            "the model was traced or scripted by torch.jit and takes no other weights: give it as it was before"
        )


def check_repeatable(first: Tensor, second: Tensor) -> None:
    """Refuse a model whose outputs, or losses, on the same images, passed twice, differ.

    Raises:
        VitworkError: they differ by more than rounding.
    """
    if ((first - second).abs() > REPEATABLE * (1 + first.abs())).any():
        raise VitworkError("the output changes when the same images are passed again: the model is random in eval mode")
