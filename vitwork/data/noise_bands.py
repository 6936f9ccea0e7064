"""Noise in one band of spatial frequencies (paper, Fig. 2b)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vitwork.data.position_rng import PositionRng
from vitwork.errors import choice

Power = Literal["fixed", "equal"]


@dataclass(frozen=True, slots=True)
class Band:
    """A band of frequencies and the noise in it.

    The noise is δ = eps · (random signs), restricted to the square ring of frequencies whose larger component lies
    between `frequency` ± `half_width`. Its real part is added to the normalised image, without clipping.

    Attributes:
        frequency: centre of the band, in units of π per pixel (1 is the highest frequency of an image).
        half_width: half the width of the band in the same unit. The paper says "window size 0.1π" but not whether that
            is the half or the whole width; the released class would add and subtract it, as here.
        eps: amplitude of δ in units of the normalised image. The paper does not give it (0.007 by default in the
            released code, 0.7 in a later remark of the author).
        power: ``fixed`` does not scale δ, so that the noise grows with the area of the ring, about ninefold in mean
            square from 0.1π to 0.9π. ``equal`` scales it so that the added noise has root mean square `eps` in
            expectation in every band, so that drops at different frequencies are comparable.
    """

    frequency: float
    half_width: float = 0.1
    eps: float = 0.7
    power: Power = "fixed"

    def __post_init__(self) -> None:
        """Refuse a power that does not exist, with a VitworkError."""
        choice("power", self.power, Power)

    def rms(self, size: int) -> float:
        """Return the expected root mean square of the noise on images of `size` pixels.

        Raises:
            ValueError: the power is ``equal``, and no frequency of such an image lies in the band.
        """
        natural = self.eps * float(_passed(self, size).square().mean().sqrt())
        if self.power == "fixed":
            return natural
        if natural == 0:
            raise ValueError(f"no frequency of a {size}-pixel image lies in the band {self.frequency}π")
        return self.eps


def add_band_noise(images: Tensor, band: Band, seed: int = 0, first: int = 0) -> Tensor:
    """Return images with noise of one band added.

    Args:
        images: normalised images (b, c, h, h).
        band: the band and the amplitude.
        seed: seed of the noise; the noise is the same on every device and for every batch size.
        first: position of the first image in the data set, which determines the noise.

    Returns:
        The noisy images, in the precision of the images; noise is computed in single precision at least.

    Raises:
        ValueError: the images are not square, or the power is ``equal`` and the band is empty.
    """
    size = images.shape[-1]
    if images.shape[-2] != size:
        raise ValueError(f"band noise is defined on square images, not on {images.shape[-2]}×{size}")
    precision = torch.promote_types(images.dtype, torch.float32)  # torch cannot transform lower precisions
    signs = PositionRng(seed, first, images.device).signs(*images.shape).to(precision)
    kept: Tensor = torch.fft.ifft2(torch.fft.fft2(signs) * _ring(band, size).to(signs)).real
    return (images + kept * _gain(band, size)).to(images.dtype)


def _gain(band: Band, size: int) -> float:
    """Return the factor between filtered random signs and the noise."""
    if band.power == "fixed":
        return band.eps
    return band.rms(size) / float(_passed(band, size).square().mean().sqrt())


def _ring(band: Band, size: int) -> Tensor:
    """Return the ring of frequencies in `torch.fft.fft2`'s order: 1 inside, 0 outside; float64 (size, size).

    As in the released code, a square of side 2n covers the frequencies -n … n-1 of each axis, so the ring is not quite
    symmetric. Odd sizes, where that code fails, are treated in the same way.
    """
    frequencies = torch.fft.fftfreq(size, dtype=torch.double) * size
    outer, inner = (_square(band.frequency + sign * band.half_width, size, frequencies) for sign in (1, -1))
    return outer - inner


def _square(frequency: float, size: int, frequencies: Tensor) -> Tensor:
    reach = min(max(int(frequency * math.pi * size / (2 * math.pi)), 0), (size + 1) // 2)
    line = ((frequencies >= -reach) & (frequencies < reach)).double()
    return torch.outer(line, line)


def _passed(band: Band, size: int) -> Tensor:
    """Return the gain of each frequency after the real part is taken: the mean of the ring and its mirror image.

    The mean square of the noise is eps² times the mean square of this, as random signs have a flat spectrum.
    """
    ring = _ring(band, size)
    return (ring + ring.flip((0, 1)).roll((1, 1), (0, 1))) / 2
