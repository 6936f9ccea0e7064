"""Moving pixels about: crops, mirrors, affine maps. Results are those of PIL and torchvision, a batch at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SNAP = 5e-4
"""Added before rounding down, so that a level that is whole in exact arithmetic is not lost to float32."""


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the chosen images, bool (b,), left to right."""
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(-1), images)


def padded_crop(images: Tensor, top: Tensor, left: Tensor, padding: int) -> Tensor:
    """Pad each image (b, c, h, w) with `padding` black pixels and cut its own size out at (`top`, `left`), int64 (b,)."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (padding, padding, padding, padding))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def slide(images: Tensor, offset: Tensor, bicubic: Tensor, fill: Tensor, reach: int) -> Tensor:
    """Move every row of every image sideways: shears and translations, which PIL computes as general affine maps.

    One row has one offset and so one set of four weights, which is what makes this cheaper than `affine`.

    Args:
        images: uint8 (b, 3, h, w).
        offset: float32 (b, h): the output pixel x of a row shows the row's point x + offset.
        bicubic: bool (b,): cubic interpolation with PIL's parameter -1 for affine maps, else linear.
        fill: uint8 (3,), colour of points outside the image.
        reach: a whole number that no offset exceeds.

    Returns:
        uint8 (b, 3, h, w).
    """
    b, _, height, width = images.shape
    device = images.device
    whole = offset.floor()
    weights = _weights(offset - whole, bicubic.view(-1, 1))
    beyond = torch.arange(-reach - 1, width + reach + 2, device=device).clamp_(0, width - 1)
    windows = images[..., beyond].unfold(3, width + 3, 1)
    sample = torch.arange(b, device=device).view(-1, 1)
    row = torch.arange(height, device=device)
    taps = windows[sample, :, row, whole.to(torch.int64) + reach].to(torch.float32)  # (b, h, 3, w + 3)
    mixed = taps[..., :width] * weights[0].view(b, height, 1, 1)
    for tap in (1, 2, 3):
        mixed.addcmul_(taps[..., tap : tap + width], weights[tap].view(b, height, 1, 1))
    levels = mixed.add_(SNAP).clamp_(0, 255).to(torch.uint8)
    point = torch.arange(width, device=device) + 0.5 + offset.unsqueeze(-1)
    inside = (point >= 0) & (point < width)
    return torch.where(inside.unsqueeze(2), levels, fill.view(3, 1)).transpose(1, 2)


def affine(images: Tensor, matrix: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Resample each image under its own affine map, as ``PIL.Image.transform`` does.

    Args:
        images: uint8 (b, 3, h, w).
        matrix: float32 (b, 6), PIL's coefficients a to f: the output pixel (x, y) shows the input's point
            (ax + by + c, dx + ey + f), with pixel centres at halves.
        bicubic: bool (b,): cubic interpolation with PIL's parameter -1 for affine maps, else linear.
        fill: uint8 (3,), colour of points outside the image.

    Returns:
        uint8 (b, 3, h, w).
    """
    b, channels, height, width = images.shape
    device = images.device
    across = torch.arange(width, device=device) + 0.5
    down = (torch.arange(height, device=device) + 0.5)[:, None]
    terms = matrix.view(b, 6, 1, 1)
    x = terms[:, 0] * across + terms[:, 1] * down + terms[:, 2]
    y = terms[:, 3] * across + terms[:, 4] * down + terms[:, 5]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    columns, across_weights = _taps(x, bicubic, width)
    rows, down_weights = _taps(y, bicubic, height)
    start = torch.arange(b, device=device).view(-1, 1, 1) * (height * width)
    # Taps come first, so that these products run along the pixels; a bag needs them last.
    places = ((rows * width + start).unsqueeze(1) + columns).view(16, -1).t().contiguous()
    weights = (down_weights.unsqueeze(1) * across_weights).view(16, -1).t().contiguous()
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels).to(torch.float32)
    # A bag of sixteen weighted pixels is one fused kernel where gathering them first would be many.
    mixed = F.embedding_bag(places, pixels, per_sample_weights=weights, mode="sum")
    levels = mixed.add_(SNAP).clamp_(0, 255).to(torch.uint8).view(b, height, width, channels)
    return torch.where(inside.unsqueeze(-1), levels, fill).permute(0, 3, 1, 2)


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients (b, 6) of a rotation by `degrees` (b,), counter-clockwise about the centre."""
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), -angle.sin()
    x, y = width / 2, height / 2
    return torch.stack([cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y], 1)


def _taps(points: Tensor, bicubic: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the four pixels of a line that each point (b, h, w) is mixed from, and their weights, (4, b, h, w)."""
    shifted = points - 0.5
    first = shifted.floor()
    weights = _weights(shifted - first, bicubic.view(-1, 1, 1))
    reach = torch.arange(-1, 3, device=points.device).view(4, 1, 1, 1)
    return (first.to(torch.int64) + reach).clamp_(0, length - 1), torch.stack(weights)


def _weights(d: Tensor, bicubic: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the weights of the four pixels about a point that lies `d` (0 to 1) beyond the second of them."""
    e = 1 - d
    return (
        torch.where(bicubic, -d * e * e, 0.0),
        torch.where(bicubic, e * (1 + d - d * d), e),
        torch.where(bicubic, d * (1 + e - e * e), d),
        torch.where(bicubic, -e * d * d, 0.0),
    )
