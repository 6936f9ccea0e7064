"""Cheap second derivatives: the same functions, put so that their second backward pass costs what it must.

Differentiating twice through torch's convolution, attention, GELU and BatchNorm takes about twice the operations that the
mathematics needs (measured: `benchmarks/hessian.py`). Within `CheapSecondDerivatives` these functions are replaced by
equal ones whose first and second derivatives are written out. A third derivative does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitwork.analysis.curvature.second_derivatives.attention import attention, softmax
from vitwork.analysis.curvature.second_derivatives.convolution import conv2d
from vitwork.analysis.curvature.second_derivatives.linear import linear
from vitwork.analysis.curvature.second_derivatives.normalisation import batch_norm, layer_norm
from vitwork.analysis.curvature.second_derivatives.pointwise import gelu, hardsigmoid


class CheapSecondDerivatives(TorchFunctionMode):
    """Replace functions called within it; models need not know."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the replacement, or the function itself where there is none or it declines."""
        del types
        options = dict(kwargs or {})
        if "input" in options:  # which the functions replaced take first
            args = (options.pop("input"), *args)
        replacement = _REPLACEMENTS.get(func)
        result = replacement(*args, **options) if replacement else None
        return func(*args, **options) if result is None else result


# A replacement returns None where it does not cover the options it is called with.
_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    F.conv2d: conv2d,
    F.linear: linear,
    F.gelu: gelu,
    F.hardsigmoid: hardsigmoid,
    F.softmax: softmax,
    torch.softmax: softmax,
    Tensor.softmax: softmax,
    F.scaled_dot_product_attention: attention,
    F.batch_norm: batch_norm,
    F.layer_norm: layer_norm,
}
