"""Small constant tensors on a device, copied there once, because a copy in every step would make the host wait."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `values` as a tensor; callers share it and must not change it."""
    with torch.inference_mode(mode=False):
        return torch.tensor(values, dtype=dtype).to(device)
