"""The paper's four recipes (claim sheet 2.1, the configurations of the official repository), and changes to a recipe.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import replace

from vitwork.design.recipe import Augmentation, RandAugment, Recipe
from vitwork.design.schedule import check
from vitwork.design.typed_fields import replaced
from vitwork.errors import VitworkError

DEIT_300 = Recipe(
    name="deit-300",
    schedule="cosine-epochs",
    snapshots=("init", "warmup", 100, 200, "end"),
    augmentation=Augmentation(randaugment=RandAugment(magnitude=9, operations=2, std=1.0), mixup=1.0, cutmix=0.8),
)
"""What nearly all of the paper's CIFAR networks were trained with, CNNs and ViTs alike."""

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


def override(recipe: Recipe, assignment: str) -> Recipe:
    """Return a recipe with one field changed, as written on a command line.

    Args:
        recipe: the recipe to start from.
        assignment: ``field=value``; fields of the augmentation as ``augmentation.mixup=0.8``; ``none`` where a field
            may be none; several values separated by commas.

    Raises:
        VitworkError: there is no such field, or the value is not of its type or range.
    """
    field, sign, text = assignment.partition("=")
    if not sign:
        raise VitworkError(f"Write a change of recipe as field=value, not {assignment!r}.")
    changed = replaced(recipe, field.strip(), text.strip())
    check(changed)
    return changed
