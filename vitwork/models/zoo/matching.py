"""Computation of widths at which a model has the number of parameters or FLOPs of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vitwork.errors import VitworkError

Measure = Literal["parameters", "flops"]


def parameters(model: nn.Module) -> int:
    """Return a model's number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops(model: nn.Module, image_size: int) -> int:
    """Return the floating-point operations of one image's forward pass, counted in products and convolutions.

    A multiply-add counts as two.
    """
    device = next(model.parameters()).device
    counter = FlopCounterMode(display=False)
    modes = [(module, module.training) for module in model.modules()]
    with counter:  # with gradients on: the counter hooks into them
        model.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    for module, mode in modes:
        module.training = mode
    return int(counter.get_total_flops())


def measured_size(build: Callable[[], nn.Module], measure: Measure, image_size: int) -> int:
    """Return a model's size, without storage for its weights."""
    with torch.device("meta"):
        model = build()
        return parameters(model) if measure == "parameters" else flops(model, image_size)


def matched_widths(
    build: Callable[[Sequence[int]], nn.Module],
    widths: Sequence[int],
    target: int,
    measure: Measure = "parameters",
    image_size: int = 32,
) -> tuple[int, ...]:
    """Return widths scaled by one factor so that the model's size comes nearest to `target`.

    Args:
        build: makes the model of given widths.
        widths: widths at factor 1; their proportions are kept up to rounding.
        target: parameters, or FLOPs per image.
        measure: which of the two.
        image_size: side of the images, for FLOPs.

    Returns:
        Widths at the best factor of a bisection between 1/8 and 8, each changed by one channel if that comes nearer.

    Raises:
        VitworkError: the target lies outside that range.
    """

    def scaled(factor: float) -> tuple[int, ...]:
        return tuple(max(1, round(width * factor)) for width in widths)

    def size(factor: float) -> int:
        return measured_size(lambda: build(scaled(factor)), measure, image_size)

    def distance(candidate: Sequence[int]) -> int:
        return abs(measured_size(lambda: build(candidate), measure, image_size) - target)

    low, high = 0.125, 8.0
    if not size(low) <= target <= size(high):
        raise VitworkError(f"no widths between an eighth and eight times {tuple(widths)} have {target} {measure}")
    while scaled(low) != scaled(high) and high - low > 1e-4:
        middle = (low * high) ** 0.5
        if size(middle) < target:
            low = middle
        else:
            high = middle
    best = min((scaled(low), scaled(high)), key=distance)
    for stage in reversed(range(len(best))):  # rounding leaves a difference, which single channels reduce
        near = [(*best[:stage], best[stage] + step, *best[stage + 1 :]) for step in (0, -1, 1) if best[stage] + step]
        best = min(near, key=distance)
    return best
