"""Networks that `torch.vmap` can batch on every device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class Batchable(TorchFunctionMode):
    """Put functions, within it, so that a GPU computes them for several copies of a network at once.

    A batched convolution hands on images whose channels come last in memory, which cuDNN's BatchNorm does not take under
    `torch.vmap`; and it is taken apart before autocast sees it, which leaves its bias in single precision.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the replacement, or the function itself where there is none."""
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
