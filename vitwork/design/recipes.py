"""The paper's four recipes, as in the configurations of the official repository."""

from __future__ import annotations

from dataclasses import replace

from vitwork.design.recipe import Augmentation, RandAugment, Recipe

DEIT_300 = Recipe(
    name="deit-300",
    schedule="cosine-epochs",
    snapshots=("init", "warmup", 100, 200, "end"),
    augmentation=Augmentation(randaugment=RandAugment(magnitude=9, operations=2, std=1.0), mixup=1.0, cutmix=0.8),
)
"""The recipe of nearly all of the paper's CIFAR networks, CNNs as well as ViTs."""

WEAK = replace(DEIT_300, name="weak", label_smoothing=0.0, clip=None, augmentation=Augmentation())
"""The same without RandAugment, mixing, label smoothing and clipping."""

SGD = Recipe(
    name="sgd",
    epochs=200,
    warmup_epochs=1,
    batch_size=128,
    optimizer="sgd",
    lr=0.1,
    weight_decay=5e-4,
    schedule="step",
    milestones=(60, 120, 160),
    label_smoothing=0.0,
    clip=None,
    drop_path=0.0,
)
"""The classical CIFAR recipe for CNNs."""

IMAGENET = Recipe(
    name="imagenet",
    schedule="cosine-epochs",
    batch_size=128,
    clip=None,
    augmentation=Augmentation(
        crop_padding=0,
        randaugment=RandAugment(magnitude=9, operations=2, std=0.5),
        mixup=1.0,
        cutmix=0.8,
        erasing=0.25,
        resized_crop=True,
    ),
)
"""The ImageNet-1K recipe."""

RECIPES = {recipe.name: recipe for recipe in (DEIT_300, WEAK, SGD, IMAGENET)}
