"""Standard errors of quantities over images and over mini-batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from vitwork.design.measurement import Record

Batches = Sequence[Sequence[float]]


def exact(_: Record) -> float:
    """Return 0, the standard error of a quantity that follows from the weights alone, without sampling."""
    return 0.0


def binomial(share: float, images: int) -> float:
    """Return the standard error of a share among `images` images; NaN for 0 images."""
    return math.sqrt(share * (1.0 - share) / images) if images else math.nan


def together(errors: Iterable[float]) -> float:
    """Return the largest standard error that the mean of numbers with these errors can have.

    Blocks, bands and corruptions are measured on the same images, so their errors do not average out.
    """
    found = list(errors)
    return sum(found) / len(found) if found else math.nan


def jackknife(value: Callable[[Batches], float], batches: Batches) -> float:
    """Return the standard error of a number computed from mini-batches, by leaving out each; NaN for a single one.

    For a mean this equals the usual standard error.
    """
    n = len(batches)
    if n < 2:
        return math.nan
    without = [value([*batches[:left_out], *batches[left_out + 1 :]]) for left_out in range(n)]
    centre = sum(without) / n
    return math.sqrt((n - 1) / n * sum((one - centre) ** 2 for one in without))
