"""Ten patterns of high spatial frequency, with zero mean and unit mean square; mirroring does not change the pattern.

A pattern is a function of `u`, `v` (coordinates in periods, horizontal and vertical) and `field`, all of shape (n, h,
w). `field` holds independent numbers, uniform in [0, 1), one per pixel, for the irregular patterns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vitwork.data.drawn.exact_rng import Floats, wave

SQRT2 = 2.0**0.5
# A lattice of dots (1 + sin)(1 + sin)/4 has mean 1/4 and variance (1.5² - 1)/16.
DOT_MEAN, DOT_DEVIATION = 0.25, (1.25 / 16) ** 0.5


def rows(u: Floats, v: Floats, field: Floats) -> Floats:
    del u, field
    return wave(v) * SQRT2


def columns(u: Floats, v: Floats, field: Floats) -> Floats:
    del v, field
    return wave(u) * SQRT2


def diagonals(u: Floats, v: Floats, field: Floats) -> Floats:
    """Return rising or falling diagonals with equal probability, by one number of `field` per image."""
    sign = np.where(field[:, :1, :1] < 0.5, -1, 1).astype(np.float32)
    return wave((u + sign * v) / SQRT2) * SQRT2


def checks(u: Floats, v: Floats, field: Floats) -> Floats:
    del field
    return wave(u / SQRT2) * wave(v / SQRT2) * 2


def dots(u: Floats, v: Floats, field: Floats) -> Floats:
    del field
    return np.asarray(((1 + wave(u)) * (1 + wave(v)) / 4 - DOT_MEAN) / DOT_DEVIATION)


def mesh(u: Floats, v: Floats, field: Floats) -> Floats:
    return -dots(u, v, field)


def speckle(u: Floats, v: Floats, field: Floats) -> Floats:
    del u, v
    return np.where(field < 0.5, -1, 1).astype(np.float32)


def barcode(u: Floats, v: Floats, field: Floats) -> Floats:
    return np.broadcast_to(speckle(u, v, field[:, :1, :]), field.shape)


def strata(u: Floats, v: Floats, field: Floats) -> Floats:
    return np.broadcast_to(speckle(u, v, field[:, :, :1]), field.shape)


def zigzag(u: Floats, v: Floats, field: Floats) -> Floats:
    del field
    half = u / 2
    return wave(v + np.abs(half - np.floor(half) - 0.5)) * SQRT2


TEXTURES: tuple[Callable[[Floats, Floats, Floats], Floats], ...] = (
    rows,
    columns,
    diagonals,
    checks,
    dots,
    mesh,
    speckle,
    barcode,
    strata,
    zigzag,
)
