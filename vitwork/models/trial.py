"""A first pass of a network that nobody here knows, before anything costs time."""

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
        arm, name: of the arm and of its model, for messages.
        build: makes the model.
        classes: that it has to tell apart, at least.
        size: side of the images in pixels; None where it is not known, and nothing is passed.

    Raises:
        VitworkError: it cannot be built, does not take the images, or returns no logits.
    """
    try:
        model = build()
    except VitworkError as fault:
        raise VitworkError(f"The arm {arm}: {fault}") from fault
    except Exception as fault:  # whatever a user's own code raises
        raise VitworkError(f"{name} cannot be built: {told(fault)}") from fault
    model.eval()
    if size:
        images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
        check_logits(model, images, classes, name)
    return model


def kinds_of(model: nn.Module, size: int) -> frozenset[Kind]:
    """Return the kinds of a network's blocks.

    Args:
        model: that was tried.
        size: side of the images in pixels.

    Raises:
        VitworkError: it cannot be divided into blocks.
    """
    return frozenset(block.kind for block in as_blocks(model, (3, size, size)))


def check_logits(model: nn.Module, images: Tensor, classes: int, name: str) -> None:
    """Pass a few images, which also gives lazy layers their weights.

    Args:
        model: in evaluation mode.
        images: (b, 3, h, w), normalised; left as they are.
        classes: that it has to tell apart, at least.
        name: of the model, for messages.

    Raises:
        VitworkError: what it returns are not such logits, and why.
    """
    passed = images.clone()
    try:
        with torch.no_grad():
            logits = model(passed)
    except Exception as error:  # whatever a user's own code raises
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
    """Return whether logits are the same while gradients are recorded; of a model that then fails, curvature says so."""
    try:
        with torch.enable_grad():
            check_repeatable(logits, model(images).detach())
    except VitworkError:
        return False
    except Exception:  # noqa: BLE001 - whatever a user's own code raises
        return True
    return True
