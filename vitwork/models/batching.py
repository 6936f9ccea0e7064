"""Replacements of functions that let `torch.vmap` batch networks on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class Batchable(TorchFunctionMode):
    """Context that replaces functions so that a GPU can compute them for several copies of a network at once.

    The output of a batched convolution is channels-last in memory, which cuDNN's BatchNorm does not accept under
    `torch.vmap`. And `torch.vmap` decomposes the convolution before autocast sees it, so its bias stays in single
    precision.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the function's replacement, or the function itself if it has none."""
        del types
        call: Callable[..., Any] = _REPLACEMENTS.get(func, func)
        return call(*args, **(kwargs or {}))


def _batch_norm(x: Tensor, *statistics: Any, **options: Any) -> Tensor:
    single = x if x.dtype == torch.float64 else x.float()  # which autocast's BatchNorm computes in as well
    return F.batch_norm(single.contiguous(), *statistics, **options)


def _conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *geometry: Any, **options: Any) -> Tensor:
    y = F.conv2d(x, weight, None, *geometry, **options)
    return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)


_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Tensor]] = {F.batch_norm: _batch_norm, F.conv2d: _conv2d}
