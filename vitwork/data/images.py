"""Labelled image sets, and functions that normalise, resize and select images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vitwork.data.constants import constant
from vitwork.data.sources.decoding import memory
from vitwork.errors import VitworkError


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Labelled images of one size.

    Attributes:
        images: uint8 (n, 3, height, width), RGB; for images too many for memory,
            `vitwork.data.sources.stream.Pictures`, which are indexed in the same way.
        labels: int64 (n,), numbers of classes.
        classes: the names of the classes.
        mean, std: per-channel normalisation on the scale 0 to 1 that training and measurements use.
        fingerprint: hash of the content of the whole data set that these images are a part of.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> ImageSet:
        """Return the same images on `device`."""
        images, labels = self.images.to(device), self.labels.to(device)
        return ImageSet(images, labels, self.classes, self.mean, self.std, self.fingerprint)

    def normalised(self, index: slice | Tensor = slice(None)) -> Tensor:
        """Return the chosen images as models need them: float32 (k, 3, height, width), normalised, not augmented."""
        return normalise(self.images[index], self.mean, self.std)


@dataclass(frozen=True, slots=True)
class Splits:
    """The images that an arm is trained on and those that it is tested on."""

    train: ImageSet
    test: ImageSet


def normalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return uint8 images (n, 3, h, w) as float32 with `mean` subtracted and divided by `std` (0 to 1 scale)."""
    scale = constant(tuple(1 / (255 * s) for s in std), torch.float32, images.device)
    shift = constant(tuple(-m / s for m, s in zip(mean, std, strict=True)), torch.float32, images.device)
    return images.to(torch.float32, copy=True).mul_(scale.view(-1, 1, 1)).add_(shift.view(-1, 1, 1))


def measured_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel of uint8 images, on the scale 0 to 1."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.transpose(0, 1):
        share = torch.bincount(channel.flatten(), minlength=256).to(torch.float64) / channel.numel()
        mean = (share * levels).sum()
        means.append(float(mean))
        stds.append(max(float((share * (levels - mean) ** 2).sum().sqrt()), 1 / 255))
    return tuple(means), tuple(stds)


def resized(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (n, 3, h, w) at `size` × `size`, by average pooling or bicubic enlargement, rounded.

    Raises:
        VitworkError: the enlarged images do not fit into half of the machine's memory.
    """
    if images.shape[-2:] == (size, size):
        return images
    enlarged = size > min(images.shape[-2:])
    if enlarged and len(images) * 3 * size**2 > memory() // 2:
        raise VitworkError(
            f"{len(images)} images of {images.shape[-2]}×{images.shape[-1]} pixels do not fit into half of this machine's "
            f"memory when they are enlarged to {size}×{size}; choose fewer of them or a smaller size."
        )

    def change(part: Tensor) -> Tensor:
        levels = part.to(torch.float32)
        if enlarged:
            # As in PIL: without `antialias`, torch uses another cubic kernel, which does not keep a ramp straight.
            return F.interpolate(levels, (size, size), mode="bicubic", antialias=True).clamp_(0, 255)
        return F.adaptive_avg_pool2d(levels, size)

    at_once = max(1, 2**22 // max(size, *images.shape[-2:]) ** 2)
    return torch.cat([change(part).round_().to(torch.uint8) for part in torch.split(images, at_once)])


def balanced_prefix(labels: Tensor, classes: int, count: int | None = None, fraction: float = 1.0) -> Tensor:
    """Return the rows of a subset that takes the first images of each class.

    Args:
        labels: int64 (n,).
        classes: number of classes.
        count: total number of images, spread over the classes as evenly as possible (the first classes get the
            remainder); None for all.
        fraction: share of these images to use, rounded down for each class, but at least one (paper, Fig. 4).

    Returns:
        Row numbers in ascending order, int64.

    Raises:
        VitworkError: a class has too few images.
    """
    chosen = []
    for number in range(classes):
        rows = (labels == number).nonzero()[:, 0]
        if count is not None:
            wanted = count // classes + (number < count % classes)
            if wanted > len(rows):
                raise VitworkError(
                    f"{count} images in equal shares need {wanted} of class {number}; it has {len(rows)}."
                )
            rows = rows[:wanted]
        if fraction < 1 and len(rows):
            rows = rows[: max(1, math.floor(len(rows) * fraction + 1e-9))]  # 0.29 · 100 is 28.999… in floating point
        chosen.append(rows)
    return torch.cat(chosen).sort().values
