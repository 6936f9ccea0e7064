"""Contexts that run a model free of inference mode, autocast and lasting changes of global settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vitwork.device.settings import kept


@contextmanager
def as_written() -> Iterator[None]:
    """Switch off inference mode, which allows no derivatives, and autocast, which rounds; also a decorator.

    Settings of the process that the model's code changes are restored at the end (`vitwork.device.settings.kept`).
    """
    with (
        kept(),
        torch.inference_mode(mode=False),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
    ):
        yield


def ordinary(value: Tensor) -> Tensor:
    """Return a tensor that autograd can record: a copy of a tensor from inference mode, otherwise the tensor itself."""
    return value.clone() if value.is_inference() else value
