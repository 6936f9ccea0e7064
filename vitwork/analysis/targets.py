"""Targets that a loss and an accuracy are defined for."""

from __future__ import annotations

from torch import Tensor

from vitwork.errors import VitworkError


def check_labels(targets: Tensor) -> None:
    """Refuse labels below zero: -100 says "ignore me", which would leave the mean over examples undefined.

    Args:
        targets: class indices (b,) or soft targets (b, classes), which are not looked at.

    Raises:
        VitworkError: a label is negative.
    """
    if targets.dim() == 1 and bool((targets < 0).any()):
        raise VitworkError(
            f"a label is {int(targets.min())}, which is no class: leave out examples that are to be ignored"
        )


def check_targets(targets: Tensor, classes: int) -> None:
    """Refuse targets that are none of a model's classes.

    Args:
        targets: class indices (b,) or soft targets (b, classes).
        classes: number of the model's logits.

    Raises:
        VitworkError: a label is no class, or soft targets are of another number of classes, or are no numbers with a point.
    """
    if targets.dim() == 1 and not targets.is_floating_point():
        check_labels(targets)
        if len(targets) and int(targets.max()) >= classes:
            raise VitworkError(f"a label is {int(targets.max())}, but the model has {classes} logits, from 0")
    elif targets.dim() != 2 or targets.shape[1] != classes or not targets.is_floating_point():
        kind = str(targets.dtype).removeprefix("torch.")
        raise VitworkError(
            f"targets {tuple(targets.shape)} of {kind} do not fit {classes} logits: give class indices (images,) or soft "
            "targets (images, classes)"
        )


def logits_of(output: object, model: object) -> Tensor:
    """Return what a model returned, if that is one tensor of logits (b, classes).

    Raises:
        VitworkError: it is anything else, such as a tuple or a dictionary.
    """
    if isinstance(output, Tensor) and output.dim() == 2:
        return output
    what = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
    raise VitworkError(
        f"{type(model).__name__} returns {what}: let it return the tensor of logits (images, classes) alone"
    )
