"""Cheap second derivatives: the same functions, put so that their second backward pass costs what it must.

Differentiating twice through torch's convolution, softmax, GELU and BatchNorm takes about twice the operations that the
mathematics needs (measured: `benchmarks/hessian.py`). Within `CheapSecondDerivatives` these functions are replaced by
equal ones whose first and second derivatives are written out. A third derivative does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitwork.analysis.attention_derivatives import Attention

Pair = tuple[int, int]
Geometry = tuple[Pair, Pair, Pair, int]  # stride, padding, dilation, groups
Maybe = Tensor | None


class CheapSecondDerivatives(TorchFunctionMode):
    """Replace functions called within it; models need not know."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the replacement, or the function itself where there is none or it declines."""
        del types
        options = dict(kwargs or {})
        replacement = _REPLACEMENTS.get(func)
        result = replacement(*args, **options) if replacement else None
        return func(*args, **options) if result is None else result


class _Convolution(Function):
    """y = x ∗ w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, w)
        return F.conv2d(x, w, None, *geometry)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Maybe, Maybe, None]:
        x, w = ctx.saved_tensors
        return *_ConvolutionGradients.apply(g, x, w, (ctx.geometry, ctx.needs_input_grad[:2])), None


def _convolution_gradients(g: Tensor, x: Tensor, w: Tensor, geometry: Geometry, needed: Any) -> tuple[Maybe, Maybe]:
    stride, padding, dilation, groups = geometry
    found = torch.ops.aten.convolution_backward(
        g, x, w, None, stride, padding, dilation, False, (0, 0), groups, (*needed, False)
    )
    return found[0], found[1]


class _ConvolutionGradients(Function):
    """(g, x, w) ↦ (g ∗ᵀ w, x ⋆ g): what goes back to the input and to the kernel."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, how: tuple[Geometry, Any]) -> tuple[Maybe, Maybe]:
        geometry, needed = how
        ctx.geometry = geometry
        ctx.save_for_backward(g, x, w)
        ctx.set_materialize_grads(False)
        return _convolution_gradients(g, x, w, geometry, needed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, vx: Maybe, vw: Maybe) -> tuple[Maybe, Maybe, Maybe, None]:
        g, x, w = ctx.saved_tensors
        # Both outputs are bilinear, so each derivative is one of the same three maps with a cotangent in the other's place.
        to_g = None
        if vx is not None:
            to_g = F.conv2d(vx, w, None, *ctx.geometry)
        if vw is not None:
            more = F.conv2d(x, vw, None, *ctx.geometry)
            to_g = more if to_g is None else to_g.add_(more)
        needed = (vw is not None and ctx.needs_input_grad[1], vx is not None and ctx.needs_input_grad[2])
        to_x, to_w = _convolution_gradients(g, x if vx is None else vx, w if vw is None else vw, ctx.geometry, needed)
        return to_g, to_x, to_w, None


class _Pointwise(Function):
    """y = f(x) with f′(x) and f″(x) given: they are computed once for all products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, first: Tensor, second: Tensor) -> Tensor:
        ctx.save_for_backward(x, first, second)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        x, first, second = ctx.saved_tensors
        if not torch.is_grad_enabled():  # the last pass: nothing will be differentiated again
            return g * first, None, None, None
        return _PointwiseGradient.apply(g, x, first, second), None, None, None


class _PointwiseGradient(Function):
    """(g, x) ↦ g·f′(x)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        del x
        ctx.save_for_backward(first, g * second)
        return g * first

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None, None]:
        first, bend = ctx.saved_tensors
        return v * first, v * bend, None, None


class _Softmax(Function):
    """y = softmax(x) over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return _softmax_gradient(g, y)
        found: Tensor = _SoftmaxGradient.apply(g, y)
        return found


def _softmax_gradient(g: Tensor, y: Tensor) -> Tensor:
    """Return y·(g − Σ g y) in one pass over memory, which is what a large attention map costs."""
    return torch.ops.aten._softmax_backward_data(g, y, -1, y.dtype)


class _SoftmaxGradient(Function):
    """(g, y) ↦ y·(g − Σ g y)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(g, y, g - (g * y).sum(-1, keepdim=True))
        return _softmax_gradient(g, y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor]:
        g, y, centred = ctx.saved_tensors
        vy = v * y
        total = vy.sum(-1, keepdim=True)
        return vy.addcmul_(y, total, value=-1), (v * centred).addcmul_(g, total, value=-1)


def _pair(value: Any) -> Pair:
    first, second = (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]
    return first, second


def _conv2d(  # noqa: PLR0917  # the signature of the function that it stands for
    x: Tensor, weight: Tensor, bias: Maybe = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Maybe:
    if isinstance(padding, str):
        return None
    y: Tensor = _Convolution.apply(x, weight, (_pair(stride), _pair(padding), _pair(dilation), groups))
    return y if bias is None else y + bias.view(-1, 1, 1)


def _gelu(x: Tensor, approximate: str = "none") -> Maybe:
    if approximate != "none":
        return None
    with torch.no_grad():
        bell = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
        below = torch.erf(x / math.sqrt(2)).add_(1).div_(2)
        value, first, second = x * below, below + x * bell, bell * (2 - x.square())
    y: Tensor = _Pointwise.apply(x, value, first, second)
    return y


def _softmax(x: Tensor, dim: int | None = None, **options: Any) -> Maybe:
    if dim not in {-1, x.dim() - 1} or options.get("dtype") is not None:
        return None
    y: Tensor = _Softmax.apply(x)
    return y


def _attention(  # noqa: PLR0917  # the signature of the function that it stands for
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Maybe = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Maybe:
    constant = attn_mask is None or not (attn_mask.dtype == torch.bool or attn_mask.requires_grad)
    if dropout_p or is_causal or enable_gqa or not constant or query.shape[:-2] != key.shape[:-2]:
        return None
    heads = query.shape[:-2]
    q, k, v = (x.reshape(-1, *x.shape[-2:]) for x in (query, key, value))
    mask = attn_mask
    if mask is not None and mask.dim() > 2:
        mask = mask.expand(*heads, *mask.shape[-2:]).reshape(-1, *mask.shape[-2:])
    y: Tensor = Attention.apply(q * (q.shape[-1] ** -0.5 if scale is None else scale), k, v, mask)
    return y.view(*heads, *y.shape[-2:])


def _batch_norm(x: Tensor, mean: Maybe, variance: Maybe, **options: Any) -> Maybe:
    if options["training"] or mean is None or variance is None:
        return None
    scale = torch.rsqrt(variance + options["eps"])
    scale = scale if options["weight"] is None else scale * options["weight"]
    shift = -mean * scale
    shift = shift if options["bias"] is None else shift + options["bias"]
    shape = (1, -1, *(1,) * (x.dim() - 2))
    return x * scale.view(shape) + shift.view(shape)


# A replacement returns None where it does not cover the options it is called with.
_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Maybe]] = {
    F.conv2d: _conv2d,
    F.gelu: _gelu,
    F.softmax: _softmax,
    torch.softmax: _softmax,
    Tensor.softmax: _softmax,
    F.scaled_dot_product_attention: _attention,
    F.batch_norm: _batch_norm,
}
