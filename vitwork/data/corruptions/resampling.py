"""Blurs, zooms and warps of image batches in double precision, as matrices and gathers.

Separable linear maps are small matrices that are built once on the CPU and applied along rows and columns. They allow
any border rule and any radius.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitwork.errors import choice

Border = Literal["nearest", "reflect", "mirror"]
Matrix = NDArray[np.float64]


def separable(images: Tensor, matrix: Matrix) -> Tensor:
    """Return images (…, in, in) with `matrix` (out, in) applied along both image axes."""
    weights = torch.from_numpy(matrix).to(images)
    return weights @ images @ weights.T


def fold(index: Tensor, size: int, border: Border) -> Tensor:
    """Return indices inside [0, size) for any indices, by a border rule.

    ``nearest`` repeats the edge (a a | a b c), ``reflect`` mirrors at the image's edge (b a | a b c), and ``mirror``
    mirrors at the centre of the image's last pixel (c b | a b c).

    Raises:
        VitworkError: there is no such border.
    """
    choice("border", border, Border)
    if border == "nearest":
        return index.clamp(0, size - 1)
    period, turn = (2 * size, 2 * size - 1) if border == "reflect" else (max(2 * size - 2, 1), 2 * size - 2)
    place = index % period
    return torch.minimum(place, turn - place)


@lru_cache(maxsize=64)
def gaussian_matrix(size: int, sigma: float, border: Border = "nearest", truncate: float = 4.0) -> Matrix:
    """Return the matrix of a Gaussian blur cut off at `truncate` standard deviations, as scipy.ndimage defines it."""
    if sigma == 0:
        return np.eye(size)
    radius = int(truncate * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    sources = fold(torch.from_numpy(np.arange(size)[:, None] + offsets), size, border).numpy()
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], sources), weights / weights.sum())
    return matrix


@lru_cache(maxsize=256)
def zoom_matrix(size: int, factor: float) -> Matrix:
    """Return the matrix that enlarges the centre of `size` pixels by `factor`, linearly, corner to corner."""
    crop = math.ceil(size / factor)
    top, enlarged = (size - crop) // 2, round(crop * factor)
    trim = (enlarged - size) // 2
    places = (np.arange(size) + trim) * ((crop - 1) / max(enlarged - 1, 1))
    low = np.minimum(np.floor(places).astype(int), crop - 1)
    share = places - low
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size), top + low), 1 - share)
    np.add.at(matrix, (np.arange(size), top + np.minimum(low + 1, crop - 1)), share)
    return matrix


@lru_cache(maxsize=64)
def box_matrix(size: int, target: int) -> Matrix:
    """Return the matrix of Pillow's box resampling: each target pixel is the mean of pixels with centres inside it."""
    scale = size / target
    reach = max(scale, 1.0)
    centres = (np.arange(target)[:, None] + 0.5) * scale
    distance = (np.arange(size) + 0.5 - centres) / reach
    inside = ((distance > -0.5) & (distance <= 0.5)).astype(float)
    return np.asarray(inside / inside.sum(axis=1, keepdims=True))


def disk_kernel(radius: float, blur: float) -> Tensor:
    """Return a disk of `radius` pixels, blurred by a narrow Gaussian against aliasing.

    Its entries sum to one. Where the disk touches the border of its array (radius 8 and above) they sum to about 1.01,
    because the library of the original generators mirrors the array there.
    """
    # The generators use 17×17 and a 3×3 blur up to radius 8; above that, the disk's own size and a 5×5 blur.
    reach, half = (8, 1) if radius <= 8 else (int(radius), 2)
    line = np.arange(-reach, reach + 1)
    disk = (line[:, None] ** 2 + line**2 <= radius**2).astype(float)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / blur) ** 2)
    return separable(torch.from_numpy(disk / disk.sum()), _band(len(line), weights / weights.sum()))


def _band(size: int, weights: Matrix) -> Matrix:
    """Return the matrix of a short symmetric filter with mirrored borders."""
    half = len(weights) // 2
    sources = fold(torch.from_numpy(np.arange(size)[:, None] + np.arange(-half, half + 1)), size, "mirror").numpy()
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], sources), weights)
    return matrix


def filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """Return each channel of (b, c, h, w) filtered by a symmetric square `kernel`, with mirrored borders."""
    height, width = images.shape[-2:]
    reach = kernel.shape[0] // 2
    rows = fold(torch.arange(-reach, height + reach, device=images.device), height, "mirror")
    columns = fold(torch.arange(-reach, width + reach, device=images.device), width, "mirror")
    padded = images[:, :, rows[:, None], columns]
    # In double precision a Fourier product is exact enough; a direct convolution is many times slower on a CPU.
    shape = (len(rows), len(columns))
    product = torch.fft.rfft2(padded) * torch.fft.rfft2(kernel.to(images), s=shape)
    result: Tensor = torch.fft.irfft2(product, s=shape)
    return result[..., 2 * reach :, 2 * reach :]


def motion_blurred(images: Tensor, radius: float, sigma: float, angle: Tensor) -> Tensor:
    """Return images blurred along a line, as ImageMagick's motion blur does.

    Each pixel is smeared in the direction of `angle` by half a Gaussian of 2·radius + 1 whole-pixel steps; edges
    repeat.

    Args:
        images: (b, c, h, w).
        radius, sigma: length of the line and standard deviation, in pixels.
        angle: degrees, one per image (b,).
    """
    b, _, h, w = images.shape
    steps = torch.arange(2 * math.ceil(radius) + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    turn = torch.deg2rad(angle.to(images))[:, None]
    right = torch.ceil(steps * torch.cos(turn) - 0.5).long()
    down = torch.ceil(steps * torch.sin(turn) - 0.5).long()
    rows, columns = (torch.arange(size, device=images.device) for size in (h, w))
    batch = torch.arange(b, device=images.device)[:, None, None]
    total = torch.zeros(b, h, w, images.shape[1], dtype=images.dtype, device=images.device)
    for number, weight in enumerate(weights / weights.sum()):
        y = (rows + down[:, number, None]).clamp(0, h - 1)[:, :, None]
        x = (columns + right[:, number, None]).clamp(0, w - 1)[:, None, :]
        total += weight * images[batch, :, y, x]
    return total.permute(0, 3, 1, 2)


def sampled(images: Tensor, rows: Tensor, columns: Tensor, border: Border) -> Tensor:
    """Return images (b, c, h, w) sampled at fractional positions (b, h, w), with linear interpolation."""
    b, _, h, w = images.shape
    batch = torch.arange(b, device=images.device)[:, None, None]
    top, left = torch.floor(rows), torch.floor(columns)
    down, right = rows - top, columns - left

    def corner(row: int, column: int) -> Tensor:
        y, x = fold(top.long() + row, h, border), fold(left.long() + column, w, border)
        return images[batch, :, y, x]

    upper = corner(0, 0) * (1 - right)[..., None] + corner(0, 1) * right[..., None]
    lower = corner(1, 0) * (1 - right)[..., None] + corner(1, 1) * right[..., None]
    return (upper * (1 - down)[..., None] + lower * down[..., None]).permute(0, 3, 1, 2)
