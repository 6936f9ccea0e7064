"""Colour operations as in PIL: look-up tables, mixing with grey, sharpening; all levels are uint8.

Eight of RandAugment's operations map every channel by a table of 256 levels; they differ in the table only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = (19595, 38470, 7471)
"""Weights of red, green and blue in PIL's luminance, in 1/65536."""

SMOOTH_CENTRE, SMOOTH_SUM = 5, 13
"""PIL's smoothing filter: weight of the centre, whose eight neighbours have the weight 1, and the sum of weights."""


def look_up(images: Tensor, tables: Tensor) -> Tensor:
    """Return the images (b, 3, h, w) with each level replaced by its entry in `tables` (b, 3, 256), uint8."""
    return tables.gather(2, images.flatten(2).to(torch.int64)).view_as(images)


def luminance(images: Tensor) -> Tensor:
    """Return PIL's grey version of images (b, 3, h, w), uint8 (b, 1, h, w)."""
    red, green, blue = images.to(torch.int32).unbind(1)
    return ((red * GREY[0] + green * GREY[1] + blue * GREY[2] + 0x8000) >> 16).to(torch.uint8).unsqueeze(1)


def blend(degenerate: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """Return ``degenerate + factor · (images - degenerate)`` rounded down within 0 to 255, `factor` (b,)."""
    start = degenerate.to(torch.float32)
    mixed = start + factor.view(-1, *(1 for _ in images.shape[1:])) * (images - start)
    return mixed.clamp_(0, 255).to(torch.uint8)


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Return the images with their saturation scaled by `factor` (b,)."""
    return blend(luminance(images), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Return images (b, 3, h, w) moved away from (`factor` above 1) or towards their smoothed version."""
    levels = images.to(torch.float32)
    smooth = F.avg_pool2d(levels, 3, stride=1, divisor_override=1)
    centre = levels[..., 1:-1, 1:-1]
    inner = ((smooth + (SMOOTH_CENTRE - 1) * centre) / SMOOTH_SUM + 0.5).floor_()
    degenerate = levels.clone()
    degenerate[..., 1:-1, 1:-1] = inner  # PIL does not change the border
    return blend(degenerate, levels, factor)


def auto_contrast(images: Tensor) -> Tensor:
    """Return tables (b, 3, 256) that stretch each channel to 0 to 255; a channel with a single level is unchanged."""
    flat = images.flatten(2)
    low, high = (bound.to(torch.float64).unsqueeze(-1) for bound in flat.aminmax(dim=2))
    # In float64 and in PIL's order, because the result is rounded down.
    scale = torch.full_like(low, 255.0).div_(high - low)  # "255 / tensor" would multiply by a rounded reciprocal
    levels = _levels(images).to(torch.float64)
    stretched = (levels * scale + (-low * scale)).clamp_(0, 255)
    return torch.where(high > low, stretched, levels).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Return tables (b, 3, 256) that spread each channel's levels evenly."""
    flat = images.flatten(2).to(torch.int64)
    bins = torch.arange(flat.shape[0] * 3, device=images.device).view(-1, 3, 1) * 256 + flat
    counts = flat.new_zeros(flat.shape[0] * 3 * 256, dtype=torch.int32)
    # Over one dimension, because only this form is deterministic on a GPU.
    counts.scatter_add_(0, bins.flatten(), torch.ones_like(bins, dtype=torch.int32).flatten())
    counts = counts.view(-1, 3, 256)
    highest = flat.amax(2, keepdim=True)
    step = (flat.shape[2] - counts.gather(2, highest)) // 255
    below = counts.cumsum(2) - counts + step // 2
    spread = (below // step.clamp(min=1)).clamp_(max=255)
    return torch.where(step > 0, spread, _levels(images)).to(torch.uint8)


def invert(images: Tensor) -> Tensor:
    """Return the table (1, 1, 256) of the negative."""
    return (255 - _levels(images)).to(torch.uint8)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Return tables (b, 1, 256) that keep the highest `bits` (b,) of each level."""
    mask = 256 - (256 >> bits.to(torch.int32).view(-1, 1, 1))
    return (_levels(images) & mask).to(torch.uint8)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Return tables (b, 1, 256) that invert the levels from `threshold` (b,) on."""
    levels = _levels(images)
    return torch.where(levels < threshold.view(-1, 1, 1), levels, 255 - levels).to(torch.uint8)


def solarize_add(images: Tensor, addition: Tensor) -> Tensor:
    """Return tables (b, 1, 256) that add `addition` (b,) to the levels below 128."""
    levels = _levels(images)
    return torch.where(levels < 128, (levels + addition.view(-1, 1, 1)).clamp_(max=255), levels).to(torch.uint8)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Return tables (b, 1, 256) that scale the distance from the mean luminance by `factor` (b,)."""
    grey = luminance(images).flatten(1)
    # An integer sum, because a float mean could round differently near a half.
    total = grey.to(torch.int32).sum(1)
    mean = (2 * total + grey.shape[1]) // (2 * grey.shape[1])
    return blend(mean.view(-1, 1, 1), _levels(images).expand(len(images), 1, 256), factor)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Return tables (b, 1, 256) that scale the levels by `factor` (b,)."""
    levels = _levels(images).expand(len(images), 1, 256)
    return blend(torch.zeros_like(levels), levels, factor)


def _levels(images: Tensor) -> Tensor:
    return torch.arange(256, device=images.device, dtype=torch.int32).view(1, 1, 256)
