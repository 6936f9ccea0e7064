"""A first forward pass of an unknown network, to find errors before any long computation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitwork.device.parts import check_repeatable
from vitwork.errors import VitworkError, told
from vitwork.models.blocks.as_blocks import as_blocks
from vitwork.models.blocks.block import Kind


def try_network(arm: str, name: str, build: Callable[[], nn.Module], classes: int, size: int | None) -> nn.Module:
    """Build an arm's network, pass two images, and return it in evaluation mode.

    Args:
        arm, name: names of the arm and of its model, for messages.
        build: makes the model.
        classes: least number of classes of its logits.
        size: side of the images in pixels; None if it is not known, and then nothing is passed.

    Raises:
        VitworkError: the network cannot be built, does not accept the images, or does not return logits.
    """
    try:
        model = build()
    except VitworkError as fault:
        raise VitworkError(f"The arm {arm}: {fault}") from fault
    except Exception as fault:  # user code may raise anything
        raise VitworkError(f"{name} cannot be built: {told(fault)}") from fault
    model.eval()
    if size:
        images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
        check_logits(model, images, classes, name)
    return model


def kinds_of(model: nn.Module, size: int) -> frozenset[Kind]:
    """Return the kinds of a network's blocks.

    Args:
        model: a model from `try_network`.
        size: side of the images in pixels.

    Raises:
        VitworkError: it cannot be divided into blocks.
    """
    return frozenset(block.kind for block in as_blocks(model, (3, size, size)))


def check_logits(model: nn.Module, images: Tensor, classes: int, name: str) -> None:
    """Pass a few images and check the model's logits; this also gives lazy layers their weights.

    Args:
        model: the model, in evaluation mode.
        images: (b, 3, h, w), normalised; not changed.
        classes: least number of classes of its logits.
        name: name of the model, for messages.

    Raises:
        VitworkError: the output is not such logits; the message says why.
    """
    passed = images.clone()
    try:
        with torch.no_grad():
            logits = model(passed)
    except Exception as error:  # user code may raise anything
        height, width = images.shape[2:]
        raise VitworkError(f"{name} fails on images of {height} × {width} pixels: {told(error)}") from error
    if not isinstance(logits, torch.Tensor):
        raise VitworkError(f"{name} returns a {type(logits).__name__}: let it return the tensor of logits alone.")
    if logits.dim() != 2 or len(logits) != len(images):
        raise VitworkError(
            f"{name} makes {tuple(logits.shape)} of {len(images)} images: let it return logits (images, classes)."
        )
    if logits.shape[1] < classes:
        raise VitworkError(
            f"{name} returns {logits.shape[1]} logits for {classes} classes: let it take num_classes (`vitwork analyse` takes --classes)."
        )
    if not bool(logits.isfinite().all()):
        raise VitworkError(f"The logits of {name} are not finite, so there is nothing to analyse.")
    if not bool((passed == images).all()):
        raise VitworkError(f"{name} changes the images that it is given: let it work on a copy (x = x.clone()).")
    try:
        with torch.no_grad():
            check_repeatable(logits, model(passed))
    except VitworkError as why:
        raise VitworkError(f"{name} cannot be analysed: {why}.") from why
    if not _alike_with_gradients(model, passed, logits):
        raise VitworkError(f"The logits of {name} depend on whether gradients are recorded, so that it is two models.")


def _alike_with_gradients(model: nn.Module, images: Tensor, logits: Tensor) -> bool:
    """Return whether logits stay the same while gradients are recorded.

    If the model then fails, return True: measurements of curvature will report the failure.
    """
    try:
        with torch.enable_grad():
            check_repeatable(logits, model(images).detach())
    except VitworkError:
        return False
    except Exception:  # noqa: BLE001 - user code may raise anything
        return True
    return True
