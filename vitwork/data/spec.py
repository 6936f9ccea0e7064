"""Which images an arm is trained and tested on, as frozen data. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data set and the part of it that is used.

    Attributes:
        source: ``embedded``, ``cifar10``, ``cifar100``, ``imagenet`` or ``folder``.
        size: side of the images in pixels; larger originals are average-pooled down to it, None keeps theirs.
        train, test: number of images of each split, taken from its start with equal class counts; None for all.
        fraction: share of each class's training images that is used (paper, Fig. 4: 0.06).
    """

    source: str
    size: int | None = None
    train: int | None = None
    test: int | None = None
    fraction: float = 1.0
