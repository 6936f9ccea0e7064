"""Which images an arm is trained and tested on, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from vitwork.errors import VitworkError

HELD_OUT = "imagenet-validation"
"""The source that has only test images: a fixed sample, which each published network preprocesses in its own way."""

SOURCES = ("embedded", "cifar10", "cifar100", "imagenet", HELD_OUT, "folder")


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data set and the part of it that is used.

    Attributes:
        source: ``embedded``, ``cifar10``, ``cifar100``, ``imagenet``, ``imagenet-validation`` or ``folder``.
        size: side of the images in pixels, to which larger originals are average-pooled; None keeps the original size.
        train, test: number of images of each split, taken from its start with equal class counts; None for all.
        fraction: share of each class's training images that is used (paper, Fig. 4: 0.06).
    """

    source: str
    size: int | None = None
    train: int | None = None
    test: int | None = None
    fraction: float = 1.0

    def check(self) -> None:
        """Refuse data that cannot exist.

        Raises:
            VitworkError: there is no such source, or a number is outside its range.
        """
        if self.source not in SOURCES:
            raise VitworkError(f"There is no data source {self.source!r}; choose one of {', '.join(SOURCES)}.")
        for field in ("size", "train", "test"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise VitworkError(f"data.{field} cannot be {value}; it is a number of 1 or more, or none.")
        if not 0 < self.fraction <= 1:
            raise VitworkError(f"data.fraction cannot be {self.fraction}; it is a share above 0, at most 1.")
