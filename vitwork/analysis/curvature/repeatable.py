"""The one check that a model is a function of its weights: the same images give the same output again."""

from __future__ import annotations

from torch import Tensor

from vitwork.errors import VitworkError

# A deterministic model repeats to the last bit on a CPU and to rounding on a GPU; dropout moves it far more.
REPEATABLE = 1e-5


def check_repeatable(first: Tensor, second: Tensor) -> None:
    """Refuse a model whose outputs, or losses, on the same images, passed twice, differ.

    Raises:
        VitworkError: they differ by more than rounding.
    """
    if ((first - second).abs() > REPEATABLE * (1 + first.abs())).any():
        raise VitworkError("the output changes when the same images are passed again: the model is random in eval mode")
