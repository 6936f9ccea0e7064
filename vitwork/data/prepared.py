"""Test images preprocessed for a published network: resized and cropped by timm's own transformation."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vitwork.data.images import ImageSet, Splits
from vitwork.data.loading import load
from vitwork.data.sample import fingerprint, sample
from vitwork.data.sources.collection import Example
from vitwork.data.sources.decoding import memory, picture_of
from vitwork.data.sources.ground_truth import classes
from vitwork.design.dataset import HELD_OUT, DataSpec
from vitwork.design.published import Preprocessing
from vitwork.errors import VitworkError


def prepared(spec: DataSpec, root: Path | None, preprocessing: Preprocessing | None) -> Splits:
    """Return the test images of a published network, preprocessed as it requires.

    If there is only a sample of test images, these are used as the training images, too: quantities that are measured
    on training images, such as curvature, are measured on them.

    Args:
        spec, root: as for `vitwork.data.load`.
        preprocessing: the network's own preprocessing; None for unchanged images.

    Raises:
        VitworkError: as for `vitwork.data.load` or `vitwork.data.sample.sample`, or the images do not fit into memory.
    """
    if spec.source != HELD_OUT:
        return load(spec, root)
    if preprocessing is None:
        raise VitworkError("Images of many sizes are prepared for each network, and this one does not say how.")
    images, labels = _cut(spec, root, preprocessing.geometry)
    chosen = ImageSet(images, labels, classes(), preprocessing.mean, preprocessing.std, fingerprint(spec, root))
    return Splits(chosen, chosen)


@lru_cache(maxsize=1)
def _cut(spec: DataSpec, root: Path | None, geometry: tuple[int, float, str, str]) -> tuple[Tensor, Tensor]:
    """Return the sample's images, uint8 (n, 3, size, size), and its labels, cached for further networks."""
    examples = sample(spec, root)
    if len(examples) * 3 * geometry[0] ** 2 > memory() // 2:
        raise VitworkError(
            f"{len(examples)} images of {geometry[0]}×{geometry[0]} pixels do not fit into half of this machine's memory: "
            "choose fewer, as by --set data.test=2000."
        )
    return cut(examples, geometry), torch.tensor([example.label for example in examples])


def cut(examples: Sequence[Example], geometry: tuple[int, float, str, str]) -> Tensor:
    """Return images resized and cropped as timm does before it tests a network.

    Args:
        examples: encoded images.
        geometry: side, share, mode of cropping and filter, as in `Preprocessing`.

    Returns:
        uint8 (n, 3, size, size).

    Raises:
        VitworkError: an image is corrupt.
    """
    from timm.data.transforms_factory import create_transform

    size, crop, mode, interpolation = geometry
    transform = create_transform(
        (3, size, size), interpolation=interpolation, crop_pct=crop, crop_mode=mode, use_prefetcher=True
    )
    images = np.empty((len(examples), 3, size, size), np.uint8)

    def fill(row: int) -> None:
        images[row] = transform(picture_of(examples[row]))

    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        list(pool.map(fill, range(len(examples))))
    return torch.from_numpy(images)
