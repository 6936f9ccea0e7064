"""A data set held whole on the device as uint8: training batches in a seeded order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vitwork.training import generators

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet

Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class Batches:
    """Training batches; every epoch is a new order that depends on the seed and the epoch alone.

    The order is drawn on the CPU, so that all arms of a seed share it on every device. Augmentation draws from a
    generator of its own: what a model draws does not change what is done to the images.

    Args:
        images: the training images.
        augment: maps (uint8 images, labels, generator) to (normalised images, soft targets).
        batch_size: images per step, over all processes; the last batch of an epoch may be smaller.
        seed: the run's seed.
        device: where the images are kept.
        share: (rank, processes); each process takes every n-th image of each batch.
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
    ) -> None:
        self.images = images.images.to(device)
        self.labels = images.labels.to(device)
        self.augment = augment
        self.batch_size = batch_size
        self.seed = seed
        self.share = share
        self.generator = generators.generator(device, seed, "augmentation", share[0])

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def order(self, epoch: int) -> Tensor:
        """Return the images of an epoch (from 0) in the order in which they are seen, on the CPU."""
        return torch.randperm(len(self.labels), generator=generators.generator("cpu", self.seed, "order", epoch))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from batch `start` on as (images, soft targets)."""
        rank, processes = self.share
        order = self.order(epoch)
        if self.images.is_cuda:
            order = order.pin_memory().to(self.images.device, non_blocking=True)
        for batch in torch.split(order, self.batch_size)[start:]:
            chosen = batch[rank::processes]
            yield self.augment(self.images[chosen], self.labels[chosen], self.generator)
