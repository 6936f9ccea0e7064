"""Digital corruptions, each from images on the scale 0 … 255 (float64, (b, 3, h, w)) to the same scale."""

from __future__ import annotations

import torch
from torch import Tensor

from vitwork.data.corruptions.resampling import box_matrix, gaussian_matrix, sampled, separable
from vitwork.data.position_rng import PositionRng


def contrast(images: Tensor, share: float, _: PositionRng) -> Tensor:
    """Return images with the distance of each pixel from the channel's mean reduced to `share` of it."""
    mean = images.mean(dim=(-2, -1), keepdim=True)
    return mean + share * (images - mean)


def pixelate(images: Tensor, share: float, _: PositionRng) -> Tensor:
    """Return images shrunk to `share` of the size and enlarged again, with Pillow's box filter and rounding."""
    size = images.shape[-1]
    small = int(size * share)
    for source, target in ((size, small), (small, size)):
        weights = torch.from_numpy(box_matrix(source, target)).to(images)
        images = torch.floor(images @ weights.T + 0.5)
        images = torch.floor(weights @ images + 0.5)
    return images


def elastic_transform(images: Tensor, stretch: tuple[float, float, float], random: PositionRng) -> Tensor:
    """Return images warped by a random affine map, then by smooth random displacements.

    `stretch` holds the displacements' amplitude and smoothness, and the largest move of the three points that determine
    the affine map, as shares of the image's side.
    """
    batch, _, size, _ = images.shape
    amplitude, sigma, move = (size * share for share in stretch)
    line = torch.arange(size, device=images.device, dtype=images.dtype)
    rows, columns = (place.expand(batch, size, size) for place in torch.meshgrid(line, line, indexing="ij"))
    back = _affine(batch, size, move, random).to(images)
    x = back[:, 0, 0, None, None] * columns + back[:, 1, 0, None, None] * rows + back[:, 2, 0, None, None]
    y = back[:, 0, 1, None, None] * columns + back[:, 1, 1, None, None] * rows + back[:, 2, 1, None, None]
    warped = sampled(images, y, x, "mirror")
    noise = 2 * random.uniform(batch, 2, size, size).double() - 1
    shift = amplitude * separable(noise, gaussian_matrix(size, sigma, "reflect", 3.0))
    return sampled(warped, rows + shift[:, 1], columns + shift[:, 0], "reflect")


def _affine(batch: int, size: int, move: float, random: PositionRng) -> Tensor:
    """Return the maps (batch, 3, 2) from (x, y, 1) in the warped image to (x, y) in the original."""
    centre, arm = size // 2, size // 3
    points = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], dtype=torch.double, device=random.device)
    fixed = (centre + arm * points).expand(batch, 3, 2)
    moved = fixed + move * (2 * random.uniform(batch, 3, 2).double() - 1)
    maps: Tensor = torch.linalg.solve_ex(torch.cat([moved, torch.ones_like(moved[..., :1])], dim=-1), fixed).result
    return maps
