"""A small learnable task, small networks and short recipes for tests of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vitwork.data.images import ImageSet, Splits
from vitwork.design.arm import Arm
from vitwork.design.recipe import Augmentation, Recipe
from vitwork.training.distributed import World
from vitwork.training.outcome import Progress
from vitwork.training.training import Training

MEAN, STD = (0.5,) * 3, (0.25,) * 3
CLASSES = ("a", "b", "c", "d")

RESNET = ("preresnet_18", {"depths": (1, 1), "widths": (8, 16)})
VIT = ("vit_ti", {"image_size": 8, "patch_size": 4, "dim": 16, "depth": 2, "heads": 2, "head": "gap"})
ALTERNET = (
    "alternet_18",
    {"depths": (2, 2), "widths": (8, 16), "msas": (0, 1), "window_size": 4, "heads": (1, 2), "head_dim": 8},
)

RECIPE = Recipe(
    name="test",
    epochs=2,
    warmup_epochs=1,
    batch_size=16,
    lr=3e-3,
    label_smoothing=0.1,
    clip=1.0,
    drop_path=0.2,
    snapshots=("init", "warmup", 1, "end"),
    augmentation=Augmentation(crop_padding=1),
)


def plain_network(num_classes: int) -> nn.Module:
    """Return a network of a user's, which takes no option and has nothing to drop."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, num_classes))


def drawing_network(num_classes: int) -> nn.Module:
    """Return a network whose weights NumPy draws, and which drops features by torch's global generator."""
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 8 * 8, num_classes))
    with torch.no_grad():
        network[2].weight.copy_(torch.from_numpy(np.random.normal(size=(num_classes, 192)) / 14))  # noqa: NPY002
    return network


def images(count: int, seed: int) -> ImageSet:
    """Return noisy copies of four fixed patterns, 8×8 pixels."""
    patterns = torch.randint(0, 256, (len(CLASSES), 3, 8, 8), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(CLASSES), (count,), generator=generator)
    noise = torch.randint(0, 256, (count, 3, 8, 8), generator=generator)
    return ImageSet((patterns[labels] * 0.5 + noise * 0.5).to(torch.uint8), labels, CLASSES, MEAN, STD, f"test-{seed}")


def splits(train: int = 100, test: int = 64) -> Splits:
    """Return training images that do not fill the last batch, and test images."""
    return Splits(images(train, 1), images(test, 2))


def few() -> Splits:
    """Return images of four steps an epoch, the last one of fewer images."""
    return splits(train=52, test=32)


def arm(network: tuple[str, dict[str, Any]] = VIT, **changes: Any) -> Arm:
    """Return an arm with `RECIPE` changed by fields."""
    name, options = network
    return Arm("test", name, options, dataclasses.replace(RECIPE, **changes))


def run(trained: Arm, seed: int, images: Splits) -> Training:
    """Return a training that has not begun and writes nowhere."""
    torch.manual_seed(seed)
    return Training(trained, seed, images, Path(), device=torch.device("cpu"), world=World(), checkpoint_seconds=1e9)


class StopTrainingError(Exception):
    """Raised by a test in the middle of a training."""


def stop_at(step: int) -> Callable[[Progress], None]:
    """Return a receiver of progress that stops a training at a step; it has to be told every step."""

    def stop(progress: Progress) -> None:
        if progress.step == step:
            raise StopTrainingError

    return stop
