"""Augmentation in batches, on the images' device, with the distribution of timm's PIL pipeline.

Crop, mirror, RandAugment and erasing are drawn for each image. Mixup and cutmix are drawn once for a mini-batch, as in
the official recipe (timm's batch mode).
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitwork.data.augmentation import geometry, mixup
from vitwork.data.augmentation.randaugment import rand_augment
from vitwork.data.augmentation.resizing import draw_crops, resized_crop
from vitwork.data.constants import constant
from vitwork.data.images import normalise
from vitwork.design.recipe import Augmentation
from vitwork.errors import VitworkError

__all__ = ["Augmenter"]


class Augmenter:
    """Turns uint8 images and class numbers into the input of a training step: augmented images and soft targets.

    The host never waits for the device: every random draw is made there, from the caller's generator.

    Args:
        augmentation: the augmentation to apply.
        num_classes: number of classes.
        mean, std: per-channel normalisation on the scale 0 to 1.
        label_smoothing: share of a target that is spread over all classes.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        num_classes: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        label_smoothing: float = 0.0,
    ) -> None:
        self.augmentation = augmentation
        self.num_classes = num_classes
        self.mean, self.std = mean, std
        self.label_smoothing = label_smoothing
        self.fill = tuple(min(255, round(255 * m)) for m in mean)

    def __call__(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, groups: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Augment a batch.

        Args:
            images: uint8 (b, 3, h, w).
            labels: int64 (b,).
            generator: source of all draws, on the images' device.
            groups: number of mini-batches of equal size that follow one another in the batch. Each has its own draw of
                mixup or cutmix and mixes only within itself. Several at once cost less than one by one.

        Returns:
            Normalised images, float32 (b, 3, h, w), and targets, float32 (b, classes).

        Raises:
            VitworkError: the batch cannot be divided into `groups`.
        """
        if len(images) % groups:
            raise VitworkError(f"{len(images)} images cannot be divided into {groups} mini-batches of equal size.")
        # Under a caller's autocast, levels from 0 to 255 would not fit into the eight bits of bfloat16's fraction.
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self._augmented(images, labels, generator, groups)

    def _augmented(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, groups: int
    ) -> tuple[Tensor, Tensor]:
        settings = self.augmentation
        images = self._place(images, generator)
        if settings.randaugment is not None:
            images = rand_augment(
                images, settings.randaugment, constant(self.fill, torch.uint8, images.device), generator
            )
        x = normalise(images, self.mean, self.std)
        if settings.erasing:
            x = mixup.erase(x, settings.erasing, generator)
        targets = mixup.smoothed_targets(labels, self.num_classes, self.label_smoothing)
        return self._mix(x, targets, groups, generator) if settings.mixup or settings.cutmix else (x, targets)

    def _place(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images, cropped and mirrored at random."""
        settings = self.augmentation
        uniform = torch.rand(3, len(images), generator=generator, device=images.device)
        if settings.resized_crop:
            height, width = images.shape[-2:]
            crops = draw_crops(len(images), height, width, generator)
            images = resized_crop(images, crops, uniform[0] < 0.5)
        padding = 0 if settings.resized_crop else settings.crop_padding
        if not padding and not settings.flip:
            return images
        top, left = (uniform[:2] * (2 * padding + 1)).to(torch.int64)
        return geometry.crop_and_flip(images, top, left, uniform[2] < settings.flip, padding)

    def _mix(self, x: Tensor, targets: Tensor, groups: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        settings = self.augmentation
        shares, means = mixup.own_share(
            groups,
            (x.shape[-2], x.shape[-1]),
            mixup=settings.mixup,
            cutmix=settings.cutmix,
            probability=settings.mix_probability,
            switch=settings.switch,
            generator=generator,
        )
        mixed, soft = mixup.mix(
            x.view(groups, -1, *x.shape[1:]), targets.view(groups, -1, self.num_classes), shares, means
        )
        return mixed.view_as(x), soft.view_as(targets)
