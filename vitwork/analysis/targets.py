"""Batches, targets and logits that a loss and an accuracy are defined for."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError, told

SHARES = 1e-2  # by which the shares of the classes may miss 1: they may have been rounded to half precision


def check_tensors(images: object, targets: object) -> None:
    """Refuse a batch of anything but tensors, and complex images, whose imaginary part a real model would not see.

    Raises:
        VitworkError: the images or targets are something else.
    """
    for name, value in (("images", images), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise VitworkError(f"the {name} of a batch are a {type(value).__name__}, not a torch.Tensor")
    if isinstance(images, Tensor) and images.is_complex():
        raise VitworkError("the images are complex numbers, whose imaginary part would be lost")


def paired(batches: Iterable[object]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches, each once it is what every analysis takes: a pair of tensors, of images as large as those before.

    Raises:
        VitworkError: one is something else, what `check_tensors` refuses, or images are of two sizes.
    """
    if not isinstance(batches, Iterable):
        raise VitworkError(f"batches are a list of pairs (images, targets), not a {type(batches).__name__}")
    size: torch.Size | None = None
    for batch in batches:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            count = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
            raise VitworkError(
                f"batches are a list of pairs (images, targets), also where there is one: an entry is a {type(batch).__name__}{count}"
            )
        images, targets = batch
        check_tensors(images, targets)
        if images.numel():
            size = images.shape[1:] if size is None else size
            if images.shape[1:] != size:
                raise VitworkError(
                    f"batches hold images of two sizes, {tuple(size)} and {tuple(images.shape[1:])}: measure each alone"
                )
        yield images, targets


@contextmanager
def fitting(images: Tensor) -> Iterator[None]:
    """Turn whatever a model raises on images that it does not take, if not for want of memory, into one sentence.

    Raises:
        VitworkError: it raises something.
    """
    try:
        with redirect_stderr(io.StringIO()):  # where torch prints the code of a block that fails
            yield
    except VitworkError:
        raise
    except Exception as error:  # whatever a user's own code raises
        if is_out_of_memory(error):
            raise
        raise VitworkError(f"the model fails on images {tuple(images.shape[1:])}: {told(error)}") from error


def check_finite(images: Tensor) -> None:
    """Refuse images that hold NaN or infinite numbers: what a model makes of them means nothing.

    Args:
        images: (b, …), in the precision in which the model sees them.

    Raises:
        VitworkError: a number is not finite.
    """
    if not images.isfinite().all():
        raise VitworkError("a batch holds images that are not finite, so nothing can be measured on it")


def check_examples(images: Tensor, targets: Tensor) -> None:
    """Refuse targets that are not one for each image, labels below zero, soft targets that are no shares, and what
    `check_tensors` refuses.

    -100 says "ignore me", which would leave the mean over examples undefined.

    Args:
        images: (b, …).
        targets: class indices (b,) or soft targets (b, classes).

    Raises:
        VitworkError: they are something else.
    """
    check_tensors(images, targets)
    other = targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool
    indices = targets.dim() == 1 and not other
    if not indices and not (targets.dim() == 2 and targets.is_floating_point()):
        raise _misfit(targets)
    if images.dim() < 2 or len(images) != len(targets):
        raise VitworkError(
            f"images {tuple(images.shape)} and targets {tuple(targets.shape)} are not one target for each image"
        )
    if indices and bool(((labels := targets.long()) < 0).any()):  # torch compares no unsigned numbers of several bytes
        least = targets[int(labels.argmin())].item()  # unsigned, more than 63 bits hold
        raise VitworkError(f"a label is {least}, which is no class: leave out examples that are to be ignored")
    if not indices:
        check_shares(targets)


def are_shares(values: Tensor) -> Tensor:
    """Return whether rows (…, n) are shares of something, (…): not negative, and together 1 but for rounding."""
    return (values >= 0).all(-1) & ((values.sum(-1) - 1).abs() < SHARES)


def check_shares(targets: Tensor) -> None:
    """Refuse soft targets (b, classes) that are no shares of the classes: not negative, and together 1 but for rounding.

    Raises:
        VitworkError: they are none.
    """
    if not are_shares(targets).all():
        raise VitworkError(
            "soft targets are shares of the classes: none is below 0 or not finite, and together they are 1"
        )


def as_taken(targets: Tensor, precision: torch.dtype | None) -> Tensor:
    """Return checked targets as the cross-entropy takes them: labels of 64 bits, soft targets in a precision."""
    return targets.to(precision if targets.is_floating_point() else torch.long)


def check_targets(targets: Tensor, classes: int) -> None:
    """Refuse targets, known to be one for each image, that are none of a model's classes.

    Args:
        targets: class indices (b,) or soft targets (b, classes).
        classes: number of the model's logits.

    Raises:
        VitworkError: a label is no class, or soft targets are of another number of classes.
    """
    if targets.dim() == 2 and targets.shape[1] != classes:
        raise _misfit(targets, f" {classes} logits")
    if targets.dim() == 1 and len(targets) and (highest := int(targets.long().max())) >= classes:
        raise VitworkError(f"a label is {highest}, but the model has {classes} logits, from 0")


def _misfit(targets: Tensor, what: str = "") -> VitworkError:
    kind = str(targets.dtype).removeprefix("torch.")
    return VitworkError(
        f"targets {tuple(targets.shape)} of {kind} do not fit{what}: give class indices (images,) or soft "
        "targets (images, classes)"
    )


def logits_at(model: nn.Module, state: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return a model's logits (b, classes) at other weights.

    Args:
        model: a classifier.
        state: parameters and buffers by name.
        images: (b, …); the model is given a copy, into which it may write.

    Raises:
        VitworkError: it returns anything but one tensor of logits, such as a tuple or a dictionary, or logits of less than
            single precision, whose rounding hides how the loss changes.
    """
    output: object = functional_call(model, dict(state), (images.clone(),))
    if isinstance(output, Tensor) and output.dim() == 2 and output.is_floating_point():
        if torch.finfo(output.dtype).bits < 32:
            raise VitworkError(
                f"{type(model).__name__} returns logits of less than single precision "
                f"({str(output.dtype).removeprefix('torch.')}), too coarse for curvature: let it return float32"
            )
        return output
    what = f"a {type(output).__name__}"
    if isinstance(output, Tensor):
        what = f"a tensor {tuple(output.shape)} of {str(output.dtype).removeprefix('torch.')}"
    raise VitworkError(
        f"{type(model).__name__} returns {what}: let it return the tensor of logits (images, classes) alone"
    )


def check_decisive(logits: Tensor, model: str = "the model") -> None:
    """Refuse logits (b, classes) of which the largest of an image is not finite: NaN would be a vote for the first class.

    Args:
        logits: as a model returned them; a class that is ruled out (−inf) is fine.
        model: what that is, for the message.

    Raises:
        VitworkError: there is such an image.
    """
    if not logits.amax(1).isfinite().all():
        raise VitworkError(f"the logits of {model} are not finite, so no class can be called its choice")


def chosen(logits: Tensor, model: str = "the model") -> Tensor:
    """Return the class of each image's largest logit (b,), once `check_decisive` has nothing against it."""
    check_decisive(logits, model)
    return logits.argmax(1)
