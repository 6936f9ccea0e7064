"""Noise and blur corruptions, each from images on the scale 0 … 255 (float64, (b, 3, h, w)) to the same scale."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vitwork.data.corruptions.resampling import (
    disk_kernel,
    filtered,
    gaussian_matrix,
    motion_blurred,
    separable,
    zoom_matrix,
)
from vitwork.data.position_rng import PositionRng

ROUNDING = 1e-3
"""Values less than this below a whole level count as that level: truncation must not depend on rounding errors."""


def truncated(images: Tensor) -> Tensor:
    """Return whole levels from 0 to 255, rounded down as the generators do."""
    return torch.floor(images.clamp(0, 255) + ROUNDING)


def gaussian_noise(images: Tensor, deviation: float, random: PositionRng) -> Tensor:
    return images + 255 * deviation * random.normal(*images.shape)


def shot_noise(images: Tensor, photons: float, random: PositionRng) -> Tensor:
    """Return images with Poisson noise of `photons` at full intensity, by inversion with one table for 256 levels."""
    table = _poisson_table(photons).to(images.device)
    levels = images.long()
    # Row L of the table is L + distribution function, so the flattened table is sorted and one search serves all.
    places = torch.searchsorted(table.flatten(), levels + random.uniform(*images.shape).double(), right=True)
    return (places - levels * table.shape[1]).double() * (255 / photons)


@lru_cache(maxsize=16)
def _poisson_table(photons: float) -> Tensor:
    """Return L + P(count ≤ k) for each level L (rows) and count k (columns)."""
    count = torch.arange(int(photons + 12 * math.sqrt(photons) + 30), dtype=torch.double)
    rate = torch.arange(256, dtype=torch.double)[:, None] * (photons / 255)
    mass = torch.exp(torch.xlogy(count, rate) - rate - torch.lgamma(count + 1))
    return torch.cumsum(mass, dim=1).clamp(max=1) + torch.arange(256)[:, None]


def impulse_noise(images: Tensor, amount: float, random: PositionRng) -> Tensor:
    """Return images with salt-and-pepper noise: each value of each channel is replaced with probability `amount`."""
    hit, salt = random.uniform(*images.shape) < amount, random.uniform(*images.shape) < 0.5
    return torch.where(hit, 255.0 * salt, images)


def defocus_blur(images: Tensor, lens: tuple[float, float], _: PositionRng) -> Tensor:
    """Return images blurred by a disk; `lens` holds its radius and the standard deviation of its edge's blur."""
    return filtered(images, disk_kernel(*lens))


def glass_blur(images: Tensor, glass: tuple[float, int, int], random: PositionRng) -> Tensor:
    """Return images after a blur, displacement of pixels and another blur.

    `glass` holds the blur's standard deviation, the largest displacement and the number of repetitions. The original
    generator means to swap neighbours but, as its two array views alias, copies one onto the other. The released data
    contain this error, and so does this function.
    """
    sigma, reach, repetitions = glass
    blur = gaussian_matrix(images.shape[-1], sigma)
    blurred = truncated(separable(images, blur))
    for _ in range(repetitions):
        origin = _origin(images.shape[0], images.shape[-1], reach, random)[:, None].expand(-1, images.shape[1], -1)
        blurred = blurred.flatten(2).gather(2, origin).reshape(images.shape)
    return separable(blurred, blur)


def _origin(batch: int, size: int, reach: int, random: PositionRng) -> Tensor:
    """Return the flat index of the pixel that each pixel's value comes from after one pass of copying, (batch, size²).

    The pass runs from the last pixel to the first. A pixel gets the value that a random neighbour has at that moment:
    that of the neighbour's own origin if it was visited before, otherwise the neighbour's. Here the chains are followed
    by doubling instead of in a pass.
    """
    line = torch.arange(size, device=random.device)
    visited = (line > reach) & (line <= size - reach)
    inside = visited[:, None] & visited
    shift = random.integers(-reach, reach, batch, 2, size, size)
    row, column = line[:, None] + shift[:, 0], line + shift[:, 1]
    own = line[:, None] * size + line
    source = torch.where(inside, row * size + column, own)
    before = inside & inside.flatten()[source] & (source > own)
    source, done = source.flatten(1), ~before.flatten(1)
    for _ in range(math.ceil(2 * math.log2(size))):
        source, done = torch.where(done, source, source.gather(1, source)), done | done.gather(1, source)
    return source


def motion_blur(images: Tensor, line: tuple[float, float], random: PositionRng) -> Tensor:
    """Return images blurred along a random direction within 45° of the horizontal; `line` is radius and deviation."""
    angle = random.uniform(len(images)) * 90 - 45
    return torch.floor(motion_blurred(images, *line, angle) + 0.5)


def zoom_blur(images: Tensor, zoom: tuple[float, float], _: PositionRng) -> Tensor:
    """Return the mean of each image and its enlargements; `zoom` is the end and step of the factors, from 1 on."""
    stop, step = zoom
    factors = np.arange(1, stop, step).tolist()
    total = sum((separable(images, zoom_matrix(images.shape[-1], factor)) for factor in factors), start=images)
    return total / (len(factors) + 1)
