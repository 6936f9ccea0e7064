"""Training batches in a seeded order, from images on the device or, if there are too many, from memory or disk."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vitwork.data.sources import stream
from vitwork.data.sources.stream import Pictures
from vitwork.errors import VitworkError
from vitwork.training import generators

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet

Augment = Callable[[Tensor, Tensor, torch.Generator, int], tuple[Tensor, Tensor]]

# As many batches are augmented together as this number of pixels holds. On a CPU, few pixels fit its caches; a GPU
# takes as long for few as for many. But every seed of several trained at once needs its own memory for it, about 600
# bytes per pixel.
PIXELS_AT_ONCE = {"cpu": 2**19, "cuda": 2**21}
RESIDENT_SHARE = 0.3  # of the device's free memory: larger data sets are not moved but streamed


def fits(images: Tensor | Pictures, device: torch.device) -> bool:
    """Return whether images should be kept on `device`."""
    if isinstance(images, Pictures):
        return False
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.numel() * images.element_size() < RESIDENT_SHARE * free


class TrainingBatches:
    """Training batches; every epoch has a new order that depends only on the seed and the epoch.

    The order is drawn on the CPU, so that all arms of a seed share it on every device. Augmentation has a random
    generator of its own: random draws of a model do not change the augmentation.

    Args:
        images: the training images; images on disk are read ahead.
        augment: maps (uint8 images, labels, generator, number of mini-batches in them) to (normalised images, soft
            targets).
        batch_size: images per step, over all processes; the last batch of an epoch may be smaller.
        seed: the run's seed.
        device: device of the batches.
        share: (rank, processes); each process takes every n-th image of each batch.
        resident: whether to keep all images on the device; None keeps them there if they fit.
        resized_crop: whether images on disk are cropped at random from whole pictures as they are read.

    Raises:
        VitworkError: a batch cannot be divided among the processes.
    """

    def __init__(
        self,
        images: ImageSet,
        augment: Augment,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        share: tuple[int, int] = (0, 1),
        resident: bool | None = None,
        resized_crop: bool = False,
    ) -> None:
        if batch_size % share[1]:
            raise VitworkError(
                f"A batch of {batch_size} images cannot be divided among {share[1]} processes: choose a batch_size that can."
            )
        resident = fits(images.images, device) if resident is None else resident
        self.images: Tensor | Pictures = images.images.to(device) if resident else images.images
        self.labels = images.labels.to(self.images.device)
        self.augment = augment
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.share = share
        self.resized_crop = resized_crop
        self.generator = generators.generator(device, seed, "augmentation", share[0])
        at_once = PIXELS_AT_ONCE.get(device.type, PIXELS_AT_ONCE["cpu"])
        self.group = max(1, at_once // (batch_size * math.prod(images.images.shape[2:])))
        self.group_state = self.generator.get_state()

    @property
    def streamed(self) -> bool:
        """Whether the images come from outside the device that trains."""
        return self.images.device.type != self.device.type or isinstance(self.images, Pictures)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self.batch_size)
        return whole + (rest >= self.share[1])

    def order(self, epoch: int) -> Tensor:
        """Return the images of an epoch (from 0) in the order in which they are seen, on the CPU."""
        return torch.randperm(len(self.labels), generator=generators.generator("cpu", self.seed, "order", epoch))

    def _group_starts(self) -> list[int]:
        """Return the first batch of each group that is augmented together; a smaller last batch is its own group."""
        whole = len(self.labels) // self.batch_size
        return [*range(0, whole, self.group), *range(whole, len(self))]

    def _read(self, groups: list[Tensor], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images and labels of each group on the device; streamed images are copied without waiting."""
        pixels: Iterator[Tensor]
        if isinstance(self.images, Pictures):
            crops = (self.seed, "crop", epoch) if self.resized_crop else None
            workers, pinned = stream.decoders(self.device), self.device.type == "cuda"
            pixels = stream.read(self.images, groups, crops, workers=workers, pinned=pinned)
        else:
            images = self.images
            pixels = (images[chosen] for chosen in groups)
        for chosen, picked in zip(groups, pixels, strict=True):
            yield self._moved(picked), self._moved(self.labels[chosen])

    def _moved(self, values: Tensor) -> Tensor:
        if values.device.type == self.device.type:
            return values
        return (values if values.is_pinned() else values.pin_memory()).to(self.device, non_blocking=True)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from batch `start` on as (images, soft targets).

        A few batches are augmented together; `state` returns what is needed to start within such a group.
        """
        rank, processes = self.share
        order = self.order(epoch)
        if self.labels.is_cuda:
            order = order.pin_memory().to(self.device, non_blocking=True)
        whole = [batch[: len(batch) // processes * processes] for batch in torch.split(order, self.batch_size)]
        batches = [batch[rank::processes] for batch in whole if len(batch)]
        spans = [(a, b) for a, b in itertools.pairwise([*self._group_starts(), len(self)]) if b > start]
        groups = self._read([torch.cat(batches[first:end]) for first, end in spans], epoch)
        for (first, end), (images, labels) in zip(spans, groups, strict=True):
            self.group_state = self.generator.get_state()
            x, targets = self.augment(images, labels, self.generator, end - first)
            size = len(batches[first])
            pairs = list(zip(torch.split(x, size), torch.split(targets, size), strict=True))
            yield from pairs[max(0, start - first) :]

    def state(self, start: int) -> Tensor:
        """Return the generator's state from which the current epoch continues with batch `start`."""
        return self.generator.get_state() if start in self._group_starts() else self.group_state
