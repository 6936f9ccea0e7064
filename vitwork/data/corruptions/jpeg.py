"""JPEG compression of image batches by tensor operations, with the result of decoding after baseline coding.

Entropy coding is lossless and left out. These steps follow the IJG library, in double precision where it uses fixed
point: colour conversion, 4:2:0 subsampling with its alternating rounding, the 8×8 cosine transform, quantisation with
the standard's example tables at a given quality, and the triangular ("fancy") upsampling.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vitwork.data.position_rng import PositionRng

BLOCK = 8
# ITU-T T.81, tables K.1 (luminance) and K.2 (chrominance).
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * BLOCK,) * 4,
)
HALF = 1e-6  # of a level: far above the rounding of double precision
# ITU-T T.871: RGB to luminance and colour differences.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))


def jpeg_compression(images: Tensor, quality: int, _: PositionRng | None = None) -> Tensor:
    """Return images (b, 3, h, w) on the scale 0 … 255 after compression at a quality from 1 to 100, in whole levels."""
    height, width = images.shape[-2:]
    # Edges repeat up to whole 16×16 units.
    padded = F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    colours = torch.einsum("ij,bjhw->bihw", images.new_tensor(TO_YCC), padded)
    luma = _rounded(colours[:, 0])
    chroma = _halved(_rounded(colours[:, 1:] + 128))
    luma = _coded(luma, _steps(LUMINANCE, quality).to(images))
    chroma = _doubled(_coded(chroma, _steps(CHROMINANCE, quality).to(images))) - 128
    blue, red = chroma[:, 0], chroma[:, 1]
    green = -0.344136286 * blue - 0.714136286 * red
    result = torch.stack([luma + 1.402 * red, luma + green, luma + 1.772 * blue], dim=1)
    return _rounded(result).clamp(0, 255)[..., :height, :width]


def _rounded(values: Tensor) -> Tensor:
    """Return rounded values, with halves up, also those slightly below a half: devices sum in different orders."""
    return torch.floor(values + (0.5 + HALF))


def _steps(table: tuple[tuple[int, ...], ...], quality: int) -> Tensor:
    """Return the quantisation steps at a quality, by the IJG library's rule."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor(table) * scale + 50) // 100).clamp(1, 255)


def _coded(plane: Tensor, steps: Tensor) -> Tensor:
    """Return planes (…, h, w) after transform, quantisation and inverse transform, in whole levels."""
    line = torch.arange(BLOCK, dtype=plane.dtype, device=plane.device)
    basis = torch.cos(math.pi / BLOCK * (line + 0.5) * line[:, None]) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    *lead, height, width = plane.shape
    blocks = plane.reshape(*lead, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(-3, -2) - 128
    levels = (basis @ blocks @ basis.T) / steps
    # Half a step is rounded away from zero.
    levels = torch.sign(levels) * _rounded(levels.abs())
    back = _rounded(basis.T @ (levels * steps) @ basis + 128).clamp(0, 255)
    return back.transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)


def _halved(plane: Tensor) -> Tensor:
    """Return 2×2 means; halves round down in even columns and up in odd ones."""
    total = plane[..., ::2, ::2] + plane[..., 1::2, ::2] + plane[..., ::2, 1::2] + plane[..., 1::2, 1::2]
    bias = 1 + torch.arange(total.shape[-1], device=plane.device) % 2
    return torch.floor((total + bias) / 4)


def _doubled(plane: Tensor) -> Tensor:
    """Return planes enlarged twofold: 3/4 of the nearer and 1/4 of the farther pixel, along both axes."""
    tall = _spread(plane, -2)
    wide = _spread(tall, -1)
    bias = 8 - torch.arange(wide.shape[-1], device=plane.device) % 2
    return torch.floor((wide + bias) / 16)


def _spread(plane: Tensor, axis: int) -> Tensor:
    """Return 3·near + far along an axis, which becomes twice as long; beyond the edge, the edge is repeated."""
    size = plane.shape[axis]
    places = torch.arange(size, device=plane.device)
    before = plane.index_select(axis, (places - 1).clamp(min=0))
    after = plane.index_select(axis, (places + 1).clamp(max=size - 1))
    pairs = torch.stack([3 * plane + before, 3 * plane + after], dim=plane.ndim + axis + 1)
    return pairs.flatten(plane.ndim + axis, plane.ndim + axis + 1)
