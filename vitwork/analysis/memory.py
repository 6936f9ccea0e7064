"""Passes that do not fit in memory are split, not crashed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error means that an allocation failed, on an accelerator or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def summed(compute: Callable[[Tensor, Tensor], Tensor], images: Tensor, targets: Tensor) -> Tensor:
    """Return a sum over examples, computed in halves (of halves) as far as memory demands.

    Args:
        compute: maps images and targets to a sum over them.
        images: (b, …) inputs.
        targets: (b, …) targets.
    """
    try:
        return compute(images, targets)
    except RuntimeError as error:
        if len(targets) < 2 or not out_of_memory(error):
            raise
    half = len(targets) // 2
    return summed(compute, images[:half], targets[:half]) + summed(compute, images[half:], targets[half:])
