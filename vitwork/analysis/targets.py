"""Checks of batches, targets and logits: whether a loss and an accuracy are defined for them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError, told

SHARES = 1e-2  # how far the shares of the classes may sum from 1: they may have been rounded to half precision


def check_tensors(images: object, targets: object) -> None:
    """Refuse a batch that does not hold tensors, and complex images, whose imaginary part a real model would ignore.

    Raises:
        VitworkError: the images or targets are not tensors, or the images are complex.
    """
    for name, value in (("images", images), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise VitworkError(f"the {name} of a batch are a {type(value).__name__}, not a torch.Tensor")
    if isinstance(images, Tensor) and images.is_complex():
        raise VitworkError("the images are complex numbers, whose imaginary part would be lost")


def paired(batches: Iterable[object]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches after checking that each is a pair of tensors whose images have the size of the earlier ones.

    Raises:
        VitworkError: a batch is not a pair, `check_tensors` refuses it, or images have two sizes.
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
    """Turn any error that a model raises on images into one sentence, except one that means that memory ran out.

    Raises:
        VitworkError: the model raised an error.
    """
    try:
        with redirect_stderr(io.StringIO()):  # torch prints the code of a failing block there
            yield
    except VitworkError:
        raise
    except Exception as error:  # user code may raise anything
        if is_out_of_memory(error):
            raise
        raise VitworkError(f"the model fails on images {tuple(images.shape[1:])}: {told(error)}") from error


def check_finite(images: Tensor) -> None:
    """Refuse images that hold NaN or infinite numbers, because a model's outputs for them mean nothing.

    Args:
        images: (b, …), in the precision in which the model sees them.

    Raises:
        VitworkError: a number is not finite.
    """
    if not images.isfinite().all():
        raise VitworkError("a batch holds images that are not finite, so nothing can be measured on it")


def check_examples(images: Tensor, targets: Tensor) -> None:
    """Check that there is one valid target for each image.

    Labels below zero are refused, too: torch ignores examples with the label -100, which would leave the mean over
    examples undefined.

    Args:
        images: (b, …).
        targets: class indices (b,) or soft targets (b, classes).

    Raises:
        VitworkError: there is not one target for each image, a label is below zero, soft targets are not shares, or
            `check_tensors` refuses the batch.
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
    if indices and bool(((labels := targets.long()) < 0).any()):  # torch cannot compare wide unsigned integers
        least = targets[int(labels.argmin())].item()  # an unsigned label may need more than 63 bits
        raise VitworkError(f"a label is {least}, which is no class: leave out examples that are to be ignored")
    if not indices:
        check_shares(targets)


def are_shares(values: Tensor) -> Tensor:
    """Return whether rows (…, n) are shares, (…): not negative, and with the sum 1 up to rounding."""
    return (values >= 0).all(-1) & ((values.sum(-1) - 1).abs() < SHARES)


def check_shares(targets: Tensor) -> None:
    """Check that soft targets (b, classes) are shares of the classes: not negative, and with the sum 1 up to rounding.

    Raises:
        VitworkError: they are not.
    """
    if not are_shares(targets).all():
        raise VitworkError(
            "soft targets are shares of the classes: none is below 0 or not finite, and together they are 1"
        )


def as_taken(targets: Tensor, precision: torch.dtype | None) -> Tensor:
    """Return checked targets in the type that cross-entropy needs: 64-bit labels, or soft targets in ``precision``."""
    return targets.to(precision if targets.is_floating_point() else torch.long)


def check_targets(targets: Tensor, classes: int) -> None:
    """Refuse targets that do not fit a model's classes; that there is one for each image is checked elsewhere.

    Args:
        targets: class indices (b,) or soft targets (b, classes).
        classes: number of the model's logits.

    Raises:
        VitworkError: a label is not a class, or soft targets have another number of classes.
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
        VitworkError: the model does not return one tensor of logits, but for example a tuple or a dictionary. Or the
            logits have less than single precision, whose rounding hides how the loss changes.
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
    """Refuse logits (b, classes) if the largest of an image is not finite: NaN would count as the first class.

    Args:
        logits: a model's output; −inf is allowed for a class that is ruled out.
        model: name of the model, for the message.

    Raises:
        VitworkError: the largest logit of an image is not finite.
    """
    if not logits.amax(1).isfinite().all():
        raise VitworkError(f"the logits of {model} are not finite, so no class can be called its choice")


def chosen(logits: Tensor, model: str = "the model") -> Tensor:
    """Return the class of each image's largest logit (b,), after `check_decisive`."""
    check_decisive(logits, model)
    return logits.argmax(1)
