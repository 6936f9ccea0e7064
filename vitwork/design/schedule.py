"""Computes learning rate and snapshots as functions of the optimiser step, and checks recipes."""

from __future__ import annotations

import math
import operator
from typing import Literal, get_origin, get_type_hints

from vitwork.design.recipe import Recipe
from vitwork.errors import VitworkError, choice


def total_epochs(recipe: Recipe) -> int:
    """Return all epochs of a training, including the warm-up."""
    return recipe.warmup_epochs + recipe.epochs


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe that cannot be carried out.

    Raises:
        VitworkError: a number is outside its range, or a word is not one of the allowed ones.
    """
    for field, kind in get_type_hints(Recipe).items():
        value = getattr(recipe, field)
        if get_origin(kind) is Literal:
            choice(f"{field} of the recipe {recipe.name}", value, kind)
        if kind is int and not isinstance(value, int):
            raise VitworkError(f"Recipe {recipe.name}: {field} is a whole number, not {value!r}.")
    augmentation = recipe.augmentation
    drawn = augmentation.randaugment
    sound = {
        "epochs": recipe.epochs >= 1,
        "warmup_epochs": recipe.warmup_epochs >= 0,
        "batch_size": recipe.batch_size >= 1,
        "lr": 0 < recipe.lr < math.inf,
        "weight_decay": 0 <= recipe.weight_decay < math.inf,
        "momentum": 0 <= recipe.momentum < 1,
        "milestones": all(milestone > 0 for milestone in recipe.milestones),
        "step_factor": 0 < recipe.step_factor < math.inf,
        "label_smoothing": 0 <= recipe.label_smoothing < 1,
        "clip": recipe.clip is None or recipe.clip > 0,
        "drop_path": 0 <= recipe.drop_path < 1,
        "sam": 0 <= recipe.sam < math.inf,
        "ema": 0 <= recipe.ema < 1,
        "augmentation.crop_padding": augmentation.crop_padding >= 0,
        "augmentation.mixup": 0 <= augmentation.mixup < math.inf,
        "augmentation.cutmix": 0 <= augmentation.cutmix < math.inf,
        **{
            f"augmentation.{name}": 0 <= getattr(augmentation, name) <= 1
            for name in ("flip", "mix_probability", "switch", "erasing")
        },
        "augmentation.randaugment": drawn is None
        or all(part >= 0 for part in (drawn.magnitude, drawn.operations, drawn.std)),
    }
    for field, is_sound in sound.items():
        if not is_sound:
            value = operator.attrgetter(field)(recipe)
            raise VitworkError(f"Recipe {recipe.name}: {field} cannot be {value}.")


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of optimiser step `step` (from 0).

    Linear from 0 over the warm-up's steps, then the recipe's schedule. ``cosine-epochs`` and ``step`` move once per epoch,
    as the official code's do; ``cosine`` moves at every step.
    """
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * step / warmup
    done: float = (step - warmup) / steps_per_epoch
    if recipe.schedule == "step":
        return recipe.lr * recipe.step_factor ** sum(done >= milestone for milestone in recipe.milestones)
    if recipe.schedule == "cosine-epochs":
        done = math.floor(done)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * done / recipe.epochs))


def snapshot_name(when: str | int) -> str:
    """Return the file stem of a snapshot: ``init``, ``warmup``, ``end``, or ``epoch-N`` for a number."""
    return f"epoch-{when}" if isinstance(when, int) else when


def snapshot_steps(recipe: Recipe, steps_per_epoch: int) -> dict[int, list[str]]:
    """Return for each optimiser step the names of the snapshots taken before it.

    Raises:
        VitworkError: a snapshot lies outside the training.
    """
    epochs = {"init": 0, "warmup": recipe.warmup_epochs, "end": total_epochs(recipe)}
    steps: dict[int, list[str]] = {}
    for when in recipe.snapshots:
        after = when if isinstance(when, int) else epochs.get(when, -1)
        epoch = recipe.warmup_epochs + after if isinstance(when, int) else after
        if after < 0 or epoch > total_epochs(recipe):
            raise VitworkError(
                f"Recipe {recipe.name} asks for a snapshot at {when!r}, but it knows init, warmup, end and the epochs "
                f"up to {recipe.epochs}."
            )
        steps.setdefault(epoch * steps_per_epoch, []).append(snapshot_name(when))
    return steps
