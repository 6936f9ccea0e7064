"""Random resized crops of image batches, as in timm and PIL."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

AREA = (0.08, 1.0)
ASPECT = (3 / 4, 4 / 3)
ATTEMPTS = 10


class Crop(NamedTuple):
    """Positions and sizes of crops in pixels, integers as float32 (b,)."""

    top: Tensor
    left: Tensor
    rows: Tensor
    columns: Tensor


def draw_crops(count: int, height: int, width: int, generator: torch.Generator) -> Crop:
    """Draw crops of 8 to 100 % of the area, with an aspect ratio of 3/4 to 4/3.

    Crops that do not fit are drawn again, up to ten times. After that, the largest central crop within the range of
    aspect ratios is used.
    """
    device = generator.device
    uniform = torch.rand(2, ATTEMPTS, count, generator=generator, device=device)
    place = torch.rand(2, count, generator=generator, device=device)
    area = (AREA[0] + uniform[0] * (AREA[1] - AREA[0])) * (height * width)
    low, high = math.log(ASPECT[0]), math.log(ASPECT[1])
    aspect = torch.exp(low + uniform[1] * (high - low))
    columns, rows = (area * aspect).sqrt_().round_(), (area / aspect).sqrt_().round_()
    fits = (rows <= height) & (columns <= width)
    first = fits.to(torch.uint8).argmax(0, keepdim=True)
    fitting = fits.any(0)
    last_columns = min(width, round(height * ASPECT[1]))
    last_rows = min(height, round(width / ASPECT[0]))
    rows = torch.where(fitting, rows.gather(0, first)[0], last_rows)
    columns = torch.where(fitting, columns.gather(0, first)[0], last_columns)
    top = torch.where(fitting, (place[0] * (height - rows + 1)).floor_(), (height - last_rows) // 2)
    left = torch.where(fitting, (place[1] * (width - columns + 1)).floor_(), (width - last_columns) // 2)
    return Crop(top, left, rows, columns)


def resized_crop(images: Tensor, crop: Crop, bicubic: Tensor) -> Tensor:
    """Return the crops, each resized to the size of the images with PIL's anti-aliased filters.

    Args:
        images: uint8 (b, 3, h, w).
        crop: the crop of each image.
        bicubic: bool (b,): cubic filter (parameter -1/2), otherwise triangular.
    """
    height, width = images.shape[-2:]
    across = _weights(crop.left, crop.columns, width, bicubic)
    down = _weights(crop.top, crop.rows, height, bicubic)
    # PIL rounds to whole levels between its two passes.
    wide = _whole(images.to(torch.float32) @ across.unsqueeze(1).mT)
    return _whole(down.unsqueeze(1) @ wide).to(torch.uint8)


def _whole(levels: Tensor) -> Tensor:
    return (levels + 0.5).floor_().clamp_(0, 255)


def _weights(start: Tensor, extent: Tensor, length: int, bicubic: Tensor) -> Tensor:
    """Return the weight of each pixel of a line in each pixel of the resized crop, (b, new, old)."""
    pixel = torch.arange(length, device=start.device)
    scale = (extent / length).view(-1, 1, 1)
    start, extent = start.view(-1, 1, 1), extent.view(-1, 1, 1)
    centre = start + (pixel + 0.5).view(1, -1, 1) * scale
    distance = ((pixel + 0.5 - centre) / scale.clamp(min=1)).abs()
    weights = torch.where(bicubic.view(-1, 1, 1), _cubic(distance), (1 - distance).clamp(min=0))
    weights = weights * ((pixel >= start) & (pixel < start + extent))
    return weights / weights.sum(-1, keepdim=True)


def _cubic(x: Tensor) -> Tensor:
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
