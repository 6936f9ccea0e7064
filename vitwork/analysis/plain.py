"""Compute as a model is written, whatever surrounds the call, and leave nothing of what its code sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vitwork.device.settings import kept


@contextmanager
def as_written() -> Iterator[None]:
    """Leave inference mode, in which there are no derivatives, and autocast, which rounds; also a decorator.

    What the model's code sets for the whole process is set back in the end (`vitwork.device.settings.kept`).
    """
    with (
        kept(),
        torch.inference_mode(mode=False),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
    ):
        yield


def ordinary(value: Tensor) -> Tensor:
    """Return a tensor that autograd can follow: a copy of one that was made in inference mode, else the tensor itself."""
    return value.clone() if value.is_inference() else value
