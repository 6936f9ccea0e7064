"""Loads the images of a run as its arm's data specifies: all of them, or with training images held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitwork.design.dataset import DataSpec
from vitwork.design.held_out import HeldOut
from vitwork.errors import VitworkError

if TYPE_CHECKING:
    from vitwork.data.images import Splits


def images_of(spec: DataSpec, root: Path | None) -> Splits:
    """Load the images of an arm; for `HeldOut` data, the evaluation images are held-out training images.

    Raises:
        VitworkError: as `vitwork.data.load`, or the images are too many for memory and cannot be divided.
    """
    from vitwork.data import load

    return divided(load(spec.whole, root), spec.validation) if isinstance(spec, HeldOut) else load(spec, root)


def divided(splits: Splits, validation: int) -> Splits:
    """Hold training images out for evaluation; the test images are dropped.

    Args:
        splits: as loaded.
        validation: how many images are held out: the first of each class, in equal counts.

    Raises:
        VitworkError: a class has too few images, no images are left to train on, or the images are streamed from disk.
    """
    from vitwork.data.images import Splits, balanced_prefix
    from vitwork.data.sources.stream import Pictures

    train = splits.train
    if isinstance(train.images, Pictures):
        raise VitworkError("Images too many for memory cannot be divided into training and validation: use fewer.")
    held = balanced_prefix(train.labels, len(train.classes), validation)
    kept = train.labels == train.labels
    kept[held] = False
    if not kept.any():
        raise VitworkError(f"With {validation} of {len(train)} training images held out, none is left to train on.")
    return Splits(*(replace(train, images=train.images[rows], labels=train.labels[rows]) for rows in (kept, held)))
