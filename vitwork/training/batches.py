"""Training batches in a seeded order, from images on the device or, where they are too many, from memory or disk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vitwork.training import generators

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet

Augment = Callable[[Tensor, Tensor, torch.Generator, int], tuple[Tensor, Tensor]]

PIXELS_AT_ONCE = 2**19  # augmented together: as many batches as this holds, so that small images are cheap to augment
RESIDENT_SHARE = 0.3  # of the device's free memory: larger data sets stay where they are and are streamed


def fits(images: Tensor, device: torch.device) -> bool:
    """Return whether images are best kept on `device`."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.numel() * images.element_size() < RESIDENT_SHARE * free


class Batches:
    """Training batches; every epoch is a new order that depends on the seed and the epoch alone.

    The order is drawn on the CPU, so that all arms of a seed share it on every device. Augmentation draws from a
    generator of its own: what a model draws does not change what is done to the images.

    Args:
        images: the training images; a memory-mapped tensor is read as it is needed.
        augment: maps (uint8 images, labels, generator, number of mini-batches that they are) to (normalised images,
            soft targets).
        batch_size: images per step, over all processes; the last batch of an epoch may be smaller.
        seed: the run's seed.
        device: where the batches go.
        share: (rank, processes); each process takes every n-th image of each batch.
        resident: whether all images are kept on the device; None for: where they fit.
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
    ) -> None:
        resident = fits(images.images, device) if resident is None else resident
        self.images = images.images.to(device) if resident else images.images
        self.labels = images.labels.to(self.images.device)
        self.augment = augment
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.share = share
        self.generator = generators.generator(device, seed, "augmentation", share[0])
        self.group = max(1, PIXELS_AT_ONCE // (batch_size * images.images[0, 0].numel()))
        self.group_state = self.generator.get_state()

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self.batch_size)
        return whole + (rest >= self.share[1])

    def order(self, epoch: int) -> Tensor:
        """Return the images of an epoch (from 0) in the order in which they are seen, on the CPU."""
        return torch.randperm(len(self.labels), generator=generators.generator("cpu", self.seed, "order", epoch))

    def _group_starts(self) -> list[int]:
        """Return the first batches of the groups that are augmented together; a smaller last batch is one of its own."""
        whole = len(self.labels) // self.batch_size
        return [*range(0, whole, self.group), *range(whole, len(self))]

    def _pick(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return the chosen images and labels on the device; where they are streamed, copied without waiting."""
        images, labels = self.images[chosen], self.labels[chosen]
        if images.device != self.device:
            images = images.pin_memory().to(self.device, non_blocking=True)
            labels = labels.pin_memory().to(self.device, non_blocking=True)
        return images, labels

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from batch `start` on as (images, soft targets).

        A few batches are augmented together; `state` gives what it takes to start within such a group.
        """
        rank, processes = self.share
        order = self.order(epoch)
        if self.images.is_cuda:
            order = order.pin_memory().to(self.device, non_blocking=True)
        whole = [batch[: len(batch) // processes * processes] for batch in torch.split(order, self.batch_size)]
        batches = [batch[rank::processes] for batch in whole if len(batch)]
        firsts = self._group_starts()
        for first, end in itertools.pairwise([*firsts, len(self)]):
            if end <= start:
                continue
            group = batches[first:end]
            self.group_state = self.generator.get_state()
            images, targets = self.augment(*self._pick(torch.cat(group)), self.generator, len(group))
            size = len(group[0])
            pairs = list(zip(torch.split(images, size), torch.split(targets, size), strict=True))
            yield from pairs[max(0, start - first) :]

    def state(self, start: int) -> Tensor:
        """Return the generator's state from which the epoch under way continues with batch `start`."""
        return self.generator.get_state() if start in self._group_starts() else self.group_state
