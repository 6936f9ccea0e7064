"""The one place that says to how many digits a GPU rounds the factors of products and convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tf32(*, allowed: bool) -> Iterator[None]:
    """Let single precision keep 10 bits of its factors inside the context, or all 23; torch's default for convolutions is 10."""
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


@contextmanager
def single_precision() -> Iterator[None]:
    """Compute single precision as such inside the context.

    Fewer digits are too few for second derivatives, and for the difference between two numbers measured on two machines.
    """
    with tf32(allowed=False):
        yield
