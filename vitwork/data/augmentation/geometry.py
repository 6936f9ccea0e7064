"""Crops, mirrors and affine maps of image batches, with the results of PIL and torchvision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitwork.data.constants import constant

LINEAR = (0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
CUBIC = (0.0, -1.0, 2.0, -1.0, 1.0, 0.0, -2.0, 1.0, 0.0, 1.0, 1.0, -1.0, 0.0, 0.0, -1.0, 1.0)
"""Interpolation weights of four neighbouring pixels: four polynomials of the position between the second and the third,
each given by its coefficients of power 0 to 3. The parameter of cubic convolution is -1, as in PIL's affine maps."""

SNAP = 5e-4
"""Added before rounding down, so that float32 errors do not lower a level that is whole in exact arithmetic."""


def crop_and_flip(images: Tensor, top: Tensor, left: Tensor, flipped: Tensor, padding: int) -> Tensor:
    """Return images padded with black, cropped to their own size, and some of them mirrored left to right.

    Args:
        images: uint8 (b, c, h, w).
        top, left: position of the crop in the padded image, int64 (b,).
        flipped: which images are mirrored, bool (b,).
        padding: pixels on every side.
    """
    height, width = images.shape[-2:]
    across = torch.arange(width, device=images.device)
    columns = torch.where(flipped.unsqueeze(1), width - 1 - across, across) + left.unsqueeze(1)
    rows = torch.arange(height, device=images.device) + top.unsqueeze(1)
    places = (rows * (width + 2 * padding)).unsqueeze(2) + columns.unsqueeze(1)
    padded = F.pad(images, (padding, padding, padding, padding)).flatten(2)
    return padded.gather(2, places.flatten(1).unsqueeze(1).expand(-1, images.shape[1], -1)).view_as(images)


def slide(images: Tensor, offset: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Return images with every row moved sideways: shears and translations, which PIL computes as general affine maps.

    A row has one offset and so one set of four weights, which makes this cheaper than `affine`.

    Args:
        images: uint8 (b, 3, h, w).
        offset: float32 (b, h): the output pixel x of a row shows the row's point x + offset.
        bicubic: bool (b,): cubic interpolation with PIL's parameter -1 for affine maps, otherwise linear.
        fill: uint8 (3,), colour of points outside the image.

    Returns:
        uint8 (b, 3, h, w).
    """
    b, _, height, width = images.shape
    device = images.device
    whole = offset.floor()
    weights = _weights(offset - whole, bicubic).view(b, 4, 1, height, 1)
    reach = torch.arange(-1, width + 2, device=device)
    columns = (whole.to(torch.int64).unsqueeze(-1) + reach).clamp_(0, width - 1)
    taps = images.gather(3, columns.unsqueeze(1).expand(-1, 3, -1, -1)).to(torch.float32)
    mixed = taps[..., :width] * weights[:, 0]
    for tap in (1, 2, 3):
        mixed.addcmul_(taps[..., tap : tap + width], weights[:, tap])
    levels = mixed.add_(SNAP).clamp_(0, 255).to(torch.uint8)
    point = torch.arange(width, device=device) + 0.5 + offset.unsqueeze(-1)
    inside = (point >= 0) & (point < width)
    return torch.where(inside.unsqueeze(1), levels, fill.view(3, 1, 1))


def affine(images: Tensor, matrix: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Return each image resampled under its own affine map, as ``PIL.Image.transform`` does.

    Args:
        images: uint8 (b, 3, h, w).
        matrix: float32 (b, 6), PIL's coefficients a to f: the output pixel (x, y) shows the input's point
            (ax + by + c, dx + ey + f), with pixel centres at halves.
        bicubic: bool (b,): cubic interpolation with PIL's parameter -1 for affine maps, otherwise linear.
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
    columns, across_weights = _taps(x.flatten(1), bicubic, width)
    rows, down_weights = _taps(y.flatten(1), bicubic, height)
    start = torch.arange(b, device=device).view(-1, 1, 1) * (height * width)
    # Pixels are the last dimension, so that these products run along them; `embedding_bag` needs the taps last.
    places = ((rows * width + start).unsqueeze(2) + columns.unsqueeze(1)).flatten(1, 2)
    weights = (down_weights.unsqueeze(2) * across_weights.unsqueeze(1)).flatten(1, 2)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels).to(torch.float32)
    # An `embedding_bag` of sixteen weighted pixels is one fused kernel; gathering them first would take many.
    mixed = F.embedding_bag(
        places.mT.reshape(-1, 16), pixels, per_sample_weights=weights.mT.reshape(-1, 16), mode="sum"
    )
    levels = mixed.add_(SNAP).clamp_(0, 255).to(torch.uint8).view(b, height, width, channels)
    return torch.where(inside.unsqueeze(-1), levels, fill).permute(0, 3, 1, 2)


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients (b, 6) of a rotation by `degrees` (b,), counter-clockwise about the centre."""
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), -angle.sin()
    x, y = width / 2, height / 2
    return torch.stack([cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y], 1)


def _taps(points: Tensor, bicubic: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the four pixels of a line that determine each point (b, n), and their weights, (b, 4, n) each."""
    shifted = points - 0.5
    first = shifted.floor()
    reach = torch.arange(-1, 3, device=points.device).view(4, 1)
    pixels = (first.to(torch.int64).unsqueeze(1) + reach).clamp_(0, length - 1)
    return pixels, _weights(shifted - first, bicubic)


def _weights(d: Tensor, bicubic: Tensor) -> Tensor:
    """Return the weights (b, 4, n) of the four pixels about points `d` (b, n), 0 to 1, beyond the second of them."""
    polynomials = constant(LINEAR + CUBIC, torch.float32, d.device).view(2, 4, 4, 1)
    constants, linear, squared, cubed = polynomials.index_select(0, bicubic.to(torch.int64)).unbind(2)
    # By Horner's rule, because an accelerator may round a matrix product to fewer digits.
    d = d.unsqueeze(1)
    return torch.addcmul(constants, d, torch.addcmul(linear, d, torch.addcmul(squared, d, cubed)))
