"""A context that turns fused attention off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def math_attention() -> Iterator[None]:
    """Compute attention by plain matrix products inside the context, for double backward and forward mode.

    Fused kernels have no second derivative. On exit, also after an error, the backends allowed before are allowed
    again. Code that calls `scaled_dot_product_attention` or `nn.MultiheadAttention` needs no change.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
