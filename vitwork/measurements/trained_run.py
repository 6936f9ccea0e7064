"""A trained run in the form that measurements need: its model at any snapshot, and its data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vitwork.data.augmentation import Augmenter
from vitwork.data.images import ImageSet, Splits
from vitwork.design.arm import Arm
from vitwork.models import as_blocks
from vitwork.models.blocks.block import Block
from vitwork.training import generators
from vitwork.training.train import build_model, load_snapshot

Batch = tuple[Tensor, Tensor]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FirstImages:
    """The first images of a set, normalised batch by batch in every pass, so that memory holds one batch at a time.

    Attributes:
        source: the set.
        count: number of images.
        size: number of images in a batch.
        device: device of the batches.
    """

    source: ImageSet
    count: int
    size: int
    device: str

    def __iter__(self) -> Iterator[Batch]:
        """Yield images, in order, with their classes."""
        for start in range(0, self.count, self.size):
            part = slice(start, min(start + self.size, self.count))
            yield self.source.normalised(part).to(self.device), self.source.labels[part].to(self.device)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """One trained network of an arm.

    Attributes:
        arm: the condition.
        seed: the run's seed.
        folder: folder of its snapshots.
        splits: the images for training and testing.
        device: device for measurements.
        at_once: largest batch of test images.
        kept: results that measurements share, see `once`.
    """

    arm: Arm
    seed: int
    folder: Path
    splits: Splits
    device: str = "cpu"
    at_once: int = 250
    kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return ``make()``, called for the first measurement that asks for `key` and shared with later ones."""
        if key not in self.kept:
            self.kept[key] = make()
        shared: Result = self.kept[key]
        return shared

    def state(self, when: str | int = "end") -> dict[str, Tensor]:
        """Return the weights and buffers at a snapshot of the recipe, on the CPU."""
        return load_snapshot(self.folder, when, "cpu")

    def model(self, when: str | int = "end") -> nn.Module:
        """Return the network of a snapshot in evaluation mode; measurements must not change it."""

        def build() -> nn.Module:
            model = build_model(self.arm, len(self.splits.train.classes))
            model.load_state_dict(self.state(when))
            return model.to(self.device).eval()

        return self.once(("model", when), build)

    def blocks(self, when: str | int = "end") -> list[Block]:
        """Return the network's blocks."""
        _, channels, height, width = self.splits.test.images.shape
        return self.once(("blocks", when), lambda: as_blocks(self.model(when), (channels, height, width)))

    def batches(self, source: ImageSet, batch_size: int = 250, limit: int | None = None) -> FirstImages:
        """Return images, normalised and in order, with their classes."""
        count = len(source) if limit is None else min(limit, len(source))
        return FirstImages(source, count, min(batch_size, self.at_once), self.device)

    def test_batches(self, batch_size: int = 250, limit: int | None = None) -> FirstImages:
        """Return the test images, normalised and in order, with their classes."""
        return self.batches(self.splits.test, batch_size, limit)

    def training_batches(self, batches: int, batch_size: int) -> list[Batch]:
        """Return mini-batches of augmented training images, drawn once.

        Every arm sees the same images at one seed; the draws are those of the arm's own recipe.
        """
        return list(self.augmented(batches, batch_size))

    def clean_batches(self, batches: int, batch_size: int) -> list[Batch]:
        """Return the images of `training_batches` without augmentation, normalised, with their classes."""
        train = self.splits.train
        return [
            (train.normalised(places).to(self.device), train.labels[places].to(self.device))
            for places in self._chosen(batches, batch_size)
        ]

    def _chosen(self, batches: int, batch_size: int) -> tuple[Tensor, ...]:
        train = self.splits.train
        generator = generators.generator("cpu", self.seed, "measured images")
        chosen = torch.randperm(len(train), generator=generator)[: batches * batch_size]
        return torch.split(chosen, batch_size)

    def augmented(self, batches: int, batch_size: int) -> Iterator[Batch]:
        """Yield the batches of `training_batches` one at a time."""
        train, recipe = self.splits.train, self.arm.recipe
        augmenter = Augmenter(recipe.augmentation, len(train.classes), train.mean, train.std, recipe.label_smoothing)
        draws = generators.generator(self.device, self.seed, "measured augmentation")
        for places in self._chosen(batches, batch_size):
            yield augmenter(train.images[places].to(self.device), train.labels[places].to(self.device), draws)
