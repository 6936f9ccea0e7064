"""BatchNorm, made explicit: which statistics a measurement uses, and how they are computed anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

BatchNorm = Literal["eval", "train"]


@contextmanager
def evaluation_mode(model: nn.Module, batchnorm: BatchNorm = "eval") -> Iterator[None]:
    """Switch off everything random; restore every module's mode on leaving.

    Args:
        model: the model to measure.
        batchnorm: ``train`` lets BatchNorm layers, and nothing else, use the statistics of each batch.
    """
    modes = [(module, module.training) for module in model.modules()]
    for module, _ in modes:
        module.training = batchnorm == "train" and isinstance(module, _BatchNorm)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def mixes_examples(model: nn.Module, batchnorm: BatchNorm = "eval") -> bool:
    """Say whether one example's output depends on the rest of its batch."""
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    return bool(layers) and (batchnorm == "train" or any(layer.running_mean is None for layer in layers))
