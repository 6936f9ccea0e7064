"""Linear layers by oneDNN on a CPU.

PyTorch computes single-precision matrix products by MKL, which leaves the wide registers of processors other than
Intel's unused; oneDNN uses them, and was 2.3 times as fast on an AVX-512 AMD processor. On one of Intel's it was 1.2 times
as slow. Elsewhere nothing is changed.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

CPUINFO = Path("/proc/cpuinfo")


def available() -> bool:
    """Return whether this torch and this processor can compute linear layers by oneDNN's widest kernels."""
    has_operator = hasattr(torch.ops.mkldnn, "_linear_pointwise")  # registered only where oneDNN is built in
    return has_operator and torch.backends.cpu.get_cpu_capability() == "AVX512"


@functools.cache
def pays() -> bool:
    """Return whether this machine computes linear layers faster by oneDNN: a fact of the machine, not a measurement."""
    try:
        processor = CPUINFO.read_text(encoding="utf-8")
    except OSError:  # not Linux
        processor = platform.processor()
    return available() and "GenuineIntel" not in processor


def covers(x: Tensor) -> bool:
    """Return whether products with a tensor are computed faster by oneDNN here."""
    return x.dtype == torch.float32 and x.device.type == "cpu" and pays()


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x @ weight.T + bias by oneDNN, not differentiable."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # noqa: SLF001 - torch's only way in
    return result


def transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """Return a.T @ b of matrices with many rows; the first operand is copied, so the narrower one comes first."""
    return product(a.t(), b.t()) if a.shape[1] <= b.shape[1] else product(b.t(), a.t()).t()


class Linear(torch.autograd.Function):
    """x @ weight.T + bias, whose three products are oneDNN's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the product; x is (…, in), weight (out, in)."""
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return product(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the gradients by input, weight and bias."""
        x, weight = ctx.saved_tensors
        flat = gradient.flatten(0, -2)
        by_x = product(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        by_weight = transposed_product(flat, x.flatten(0, -2)) if ctx.needs_input_grad[1] else None
        by_bias = flat.sum(0) if ctx.biased and ctx.needs_input_grad[2] else None
        return by_x, by_weight, by_bias


class OneDnnLinear(nn.Linear):
    """A linear layer that computes by oneDNN in single precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output."""
        if x.dtype != torch.float32 or torch.is_autocast_enabled("cpu") or x.ndim < 2:
            return super().forward(x)
        result: Tensor = Linear.apply(x, self.weight, self.bias)
        return result


def accelerate(model: nn.Module) -> bool:
    """Let the linear layers of a model compute by oneDNN where it pays; return whether they do."""
    device = next((parameter.device.type for parameter in model.parameters()), "cpu")
    layers = [module for module in model.modules() if type(module) is nn.Linear]
    if device != "cpu" or not layers or not pays():
        return False
    for layer in layers:
        layer.__class__ = OneDnnLinear
    return True


def restore(model: nn.Module) -> None:
    """Make the linear layers of a model torch's again."""
    for module in model.modules():
        if isinstance(module, OneDnnLinear):
            module.__class__ = nn.Linear  # type: ignore[assignment]  # back to the class it was made from
