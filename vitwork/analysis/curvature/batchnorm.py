"""Which BatchNorm statistics a measurement uses, and how they are estimated again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from vitwork.device.memory import is_out_of_memory
from vitwork.errors import VitworkError, choice
from vitwork.models.blocks.unchanged import caches

BatchNorm = Literal["eval", "train"]


def _layers(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


@contextmanager
def evaluation_mode(model: nn.Module, batchnorm: BatchNorm = "eval") -> Iterator[None]:
    """Switch off randomness and checkpointing, and empty caches, inside the context; restore everything on exit.

    Args:
        model: the model to measure.
        batchnorm: ``train`` lets BatchNorm layers, and nothing else, use the statistics of each batch.

    Raises:
        VitworkError: ``batchnorm`` has another value.
    """
    choice("batchnorm", batchnorm, BatchNorm)
    modes = [(module, module.training) for module in model.modules()]
    savings = list(_savings(model))
    for module, _ in modes:
        module.training = batchnorm == "train" and isinstance(module, _BatchNorm)
    for module, name, usual in savings:
        setattr(module, name, type(usual)())  # an empty dictionary, or False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for module, name, usual in savings:
            setattr(module, name, usual)


def _savings(model: nn.Module) -> Iterator[tuple[nn.Module, str, dict[Any, Any] | bool]]:
    """Yield the attributes by which modules save work or memory in ways that break second derivatives.

    Checkpointed parts are recomputed in the backward pass, when fused attention is on again.
    """
    for module in model.modules():
        for name, value in caches(module).items():
            yield module, name, value
        if vars(module).get("grad_checkpointing") is True:
            yield module, "grad_checkpointing", True


def mixes_examples(model: nn.Module, batchnorm: BatchNorm = "eval") -> bool:
    """Return whether one example's output depends on the rest of its batch.

    Raises:
        VitworkError: ``batchnorm`` has another value.
    """
    choice("batchnorm", batchnorm, BatchNorm)
    layers = _layers(model)
    return bool(layers) and (batchnorm == "train" or any(layer.running_mean is None for layer in layers))


def recalibrate(model: nn.Module, state: dict[str, Tensor], inputs: Iterable[Tensor]) -> None:
    """Replace the running statistics by the mean of the batches' statistics, weighted by batch size.

    Args:
        model: the model; only read.
        state: parameters and buffers by name; its running statistics are overwritten, in place.
        inputs: batches of images; all but the last should have the same size.

    Raises:
        VitworkError: a batch does not fit into memory. It is not split, because that would change its statistics.
    """
    layers = [layer for layer in _layers(model) if layer.running_mean is not None]
    momenta = [layer.momentum for layer in layers]
    seen = 0
    try:
        with evaluation_mode(model, "train"), torch.no_grad():
            for images in inputs if layers else ():
                seen += len(images)
                for layer in layers:
                    layer.momentum = len(images) / seen  # the first batch replaces the old statistics
                _pass_whole(model, state, images)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _pass_whole(model: nn.Module, state: dict[str, Tensor], images: Tensor) -> None:
    try:
        functional_call(model, state, (images.clone(),))  # the model may write into its input
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise VitworkError(
            f"a batch of {len(images)} images, whose BatchNorm statistics need it whole, does not fit into memory: "
            "give smaller batches"
        ) from error
