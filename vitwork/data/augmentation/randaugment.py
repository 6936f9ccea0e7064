"""RandAugment as timm defines ``rand-m9-n2-mstd1.0``, for a batch of images at once.

timm draws, for each of an image's `operations` turns, one of fifteen operations and applies it with probability one
half, at a level from N(magnitude, std) cut to 0 to 10. In the default (not "increasing") variant, posterise and
solarise become weaker with the level, and saturation, contrast, brightness and sharpness grow from .1 to 1.9 times.
Affine maps use linear or cubic interpolation at random, and fill with the data set's mean colour.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from vitwork.data.augmentation import colour, geometry
from vitwork.data.augmentation.rows import on_rows
from vitwork.design.recipe import RandAugment

APPLIED = 0.5
"""Probability of applying an operation."""

HIGHEST_LEVEL = 10.0

ALONG_ROWS = ("shear_x", "translate_x")
ALONG_COLUMNS = ("shear_y", "translate_y")
TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "auto_contrast": lambda images, _: colour.auto_contrast(images),
    "equalize": lambda images, _: colour.equalize(images),
    "invert": lambda images, level: colour.invert(images).expand(len(level), 1, 256),
    "posterize": lambda images, level: colour.posterize(images, (level * 0.4).floor()),
    "solarize": lambda images, level: colour.solarize(images, (level * 25.6).floor()),
    "solarize_add": lambda images, level: colour.solarize_add(images, (level * 11).floor()),
    "contrast": lambda images, level: colour.contrast(images, enhancement(level)),
    "brightness": lambda images, level: colour.brightness(images, enhancement(level)),
}
FILTERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "colour": lambda images, level: colour.colour(images, enhancement(level)),
    "sharpness": lambda images, level: colour.sharpness(images, enhancement(level)),
}
OPERATIONS = ("rotate", *ALONG_ROWS, *ALONG_COLUMNS, *TABLES, *FILTERS)
FIRST_TABLE = OPERATIONS.index(next(iter(TABLES)))
FIRST_FILTER = OPERATIONS.index(next(iter(FILTERS)))


def enhancement(level: Tensor) -> Tensor:
    """Return the factor of colour, contrast, brightness and sharpness at `level`."""
    return level * 0.18 + 0.1


class Turn(NamedTuple):
    """One operation for each image.

    Attributes:
        kinds: indices in `OPERATIONS`, int64 (b,); with an index beyond the last, the image stays unchanged.
        levels: strength from 0 to 10, float32 (b,).
        signed: the level with a sign, for affine operations, float32 (b,).
        bicubic: whether affine operations interpolate cubically, bool (b,).
    """

    kinds: Tensor
    levels: Tensor
    signed: Tensor
    bicubic: Tensor


def rand_augment(images: Tensor, settings: RandAugment, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images, each augmented with its own random draws.

    Args:
        images: uint8 (b, 3, h, w).
        settings: number of turns, mean and deviation of the level.
        fill: uint8 (3,), colour of points outside the image.
        generator: source of all draws, on the images' device.

    Returns:
        uint8 (b, 3, h, w).
    """
    b = len(images)
    uniform = torch.rand(settings.operations, 4, b, generator=generator, device=images.device)
    normal = torch.randn(settings.operations, b, generator=generator, device=images.device)
    levels = (settings.magnitude + settings.std * normal).clamp_(0, HIGHEST_LEVEL)
    kinds = (uniform[:, 0] * len(OPERATIONS)).to(torch.int64).clamp_(max=len(OPERATIONS) - 1)
    kinds = torch.where(uniform[:, 1] < APPLIED, kinds, len(OPERATIONS))  # beyond the last: no operation
    images = images.clone()
    for turn in range(settings.operations):
        signed = torch.where(uniform[turn, 2] > 0.5, -levels[turn], levels[turn])
        apply_operations(images, Turn(kinds[turn], levels[turn], signed, uniform[turn, 3] < 0.5), fill)
    return images


def apply_operations(images: Tensor, turn: Turn, fill: Tensor) -> None:
    """Apply one operation to each image, uint8 (b, 3, h, w), in place; `fill`, uint8 (3,), is the colour outside."""
    kinds, levels, signed, bicubic = turn
    on_rows(kinds == OPERATIONS.index("rotate"), images, partial(rotate, fill=fill), images, signed, bicubic)
    for names, function in ((ALONG_ROWS, slide_rows), (ALONG_COLUMNS, slide_columns)):
        shear, translate = (kinds == OPERATIONS.index(name) for name in names)
        on_rows(shear | translate, images, partial(function, fill=fill), images, signed, shear, bicubic)
    mapped = (kinds >= FIRST_TABLE) & (kinds < FIRST_FILTER)
    on_rows(mapped, images, _map, images, kinds, levels)
    for number, filtered in enumerate(FILTERS.values(), FIRST_FILTER):
        on_rows(kinds == number, images, filtered, images, levels)


def rotate(images: Tensor, level: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Return images rotated about the centre by 3 degrees per level."""
    return geometry.affine(images, geometry.rotation(level * 3, *images.shape[-2:]), bicubic, fill)


def slide_rows(images: Tensor, level: Tensor, shear: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Return images sheared by 0.03 per level where `shear`, bool (b,), else translated by 4.5 % of width per level."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) + 0.5
    offset = torch.where(shear.view(-1, 1), (level * 0.03).view(-1, 1) * rows, (level * (0.045 * width)).view(-1, 1))
    return geometry.slide(images, offset, bicubic, fill)


def slide_columns(images: Tensor, level: Tensor, shear: Tensor, bicubic: Tensor, fill: Tensor) -> Tensor:
    """Return images with their columns sheared or translated; see `slide_rows`."""
    return slide_rows(images.transpose(2, 3), level, shear, bicubic, fill).transpose(2, 3)


def _map(images: Tensor, kinds: Tensor, levels: Tensor) -> Tensor:
    tables = images.new_empty(len(images), 3, 256)
    for number, function in enumerate(TABLES.values(), FIRST_TABLE):
        on_rows(kinds == number, tables, lambda *rows, make=function: make(*rows).expand(-1, 3, 256), images, levels)
    return colour.look_up(images, tables)
