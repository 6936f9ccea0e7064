"""Ten outlines as signed fields: negative inside, zero on the outline, and growing roughly like the distance to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vitwork.data.drawn.exact_rng import Floats

SQRT3_HALF = 3.0**0.5 / 2


def _radius(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.sqrt(a * a + b * b))


def _box(a: Floats, b: Floats, half_a: float, half_b: float) -> Floats:
    return np.maximum(np.abs(a) - half_a, np.abs(b) - half_b)


def disc(a: Floats, b: Floats) -> Floats:
    return _radius(a, b) - 0.8


def ring(a: Floats, b: Floats) -> Floats:
    return np.abs(_radius(a, b) - 0.7) - 0.22


def square(a: Floats, b: Floats) -> Floats:
    return _box(a, b, 0.72, 0.72)


def triangle(a: Floats, b: Floats) -> Floats:
    return np.maximum(-b, np.abs(a) * SQRT3_HALF + b / 2) - 0.55


def cross(a: Floats, b: Floats) -> Floats:
    return np.minimum(_box(a, b, 0.95, 0.3), _box(a, b, 0.3, 0.95))


def bar(a: Floats, b: Floats) -> Floats:
    return _box(a, b, 1.1, 0.38)


def crescent(a: Floats, b: Floats) -> Floats:
    return np.maximum(_radius(a, b) - 0.95, 0.75 - _radius(a - 0.5, b))


def pair(a: Floats, b: Floats) -> Floats:
    return _radius(np.abs(a) - 0.6, b) - 0.45


def ell(a: Floats, b: Floats) -> Floats:
    return np.minimum(_box(a + 0.5, b, 0.28, 0.85), _box(a, b - 0.57, 0.78, 0.28))


def chevron(a: Floats, b: Floats) -> Floats:
    return np.maximum(np.abs(b + 0.35 - np.abs(a)) - 0.38, np.abs(a) - 0.9)


SHAPES: tuple[Callable[[Floats, Floats], Floats], ...] = (
    disc,
    ring,
    square,
    triangle,
    cross,
    bar,
    crescent,
    pair,
    ell,
    chevron,
)
"""Fields over object coordinates (a, b); the objects roughly fill the unit disc."""
