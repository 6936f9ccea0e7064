"""The 15 common corruptions at 5 severities (Hendrycks & Dietterich 2019) on batches of images, on any device.

A corruption draws its numbers from `vitwork.data.position_rng` and computes in double precision, so that a seed gives
the same images on CPU and GPU and for every batch size. The images differ from those of the CIFAR-C and ImageNet-C
files: the random numbers are others, frost is drawn rather than photographed, and ImageNet-C is compressed as JPEG once
more. Readers of these files are in `vitwork.data.corruptions.published`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vitwork.data.corruptions import digital, noise, weather
from vitwork.data.corruptions.jpeg import jpeg_compression
from vitwork.data.corruptions.severity import SEVERITIES, check_severity, setting
from vitwork.data.position_rng import PositionRng
from vitwork.errors import VitworkError

Corruption = Callable[[Tensor, Any, PositionRng], Tensor]

FUNCTIONS: dict[str, Corruption] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": noise.defocus_blur,
    "glass_blur": noise.glass_blur,
    "motion_blur": noise.motion_blur,
    "zoom_blur": noise.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "elastic_transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": jpeg_compression,
}
CORRUPTIONS = tuple(FUNCTIONS)

# Number of values that are corrupted at a time: 32 MiB in double precision, of which a corruption holds several copies.
NUMBERS_AT_ONCE = 1 << 22

__all__ = ["CORRUPTIONS", "SEVERITIES", "corrupt"]


def corrupt(images: Tensor, name: str, severity: int, seed: int = 0, first: int = 0) -> Tensor:
    """Return corrupted images.

    Args:
        images: uint8 (n, 3, size, size).
        name: one of `CORRUPTIONS`.
        severity: from 1 to 5; the strength also depends on the images' size, see `vitwork.data.corruptions.severity`.
        seed: seed of the corruption.
        first: position of the first image in the data set, which determines the random numbers.

    Returns:
        The corrupted images, uint8, with values rounded down as in the original generators.

    Raises:
        VitworkError: there is no such corruption or severity.
        ValueError: the images are not square uint8 images with three channels.
    """
    if name not in FUNCTIONS:
        raise VitworkError(f"There is no corruption called {name!r}; there are {', '.join(CORRUPTIONS)}.")
    check_severity(severity)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise ValueError(f"expected uint8 images (n, 3, size, size), got {images.dtype} {tuple(images.shape)}")
    strength = setting(name, severity, images.shape[-1])
    if not len(images):  # some versions of torch cannot Fourier transform an empty batch
        return images.clone()
    parts, position = [], first
    for part in torch.split(images, max(1, NUMBERS_AT_ONCE // images.shape[1:].numel())):
        changed = FUNCTIONS[name](part.double(), strength, PositionRng(seed, position, images.device))
        parts.append(noise.truncated(changed).to(torch.uint8))
        position += len(part)
    return torch.cat(parts)
