"""Contexts that set the precision to which a GPU rounds the factors of products and convolutions (TF32)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tf32(*, allowed: bool) -> Iterator[None]:
    """Allow TF32 inside the context, which keeps 10 bits of single-precision factors, or require all 23.

    torch's default for convolutions is 10.
    """
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


@contextmanager
def single_precision() -> Iterator[None]:
    """Compute in full single precision inside the context.

    A lower precision does not suffice for second derivatives, or for comparing numbers measured on two machines.
    """
    with tf32(allowed=False):
        yield
