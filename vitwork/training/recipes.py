"""The paper's four recipes (claim sheet 2.1, the configurations of the official repository), and changes to a recipe.

Imports no torch.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from vitwork.errors import VitworkError
from vitwork.training.recipe import Augmentation, RandAugment, Recipe
from vitwork.training.schedule import check

DEIT_300 = Recipe(
    name="deit-300",
    snapshots=("init", "warmup", 100, 200, "end"),
    augmentation=Augmentation(randaugment=RandAugment(magnitude=9, operations=2, std=1.0), mixup=1.0, cutmix=0.8),
)
"""What nearly all of the paper's CIFAR networks were trained with, CNNs and ViTs alike."""

WEAK = Recipe(name="weak", label_smoothing=0.0, clip=None, snapshots=DEIT_300.snapshots)
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

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


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
    changed: Recipe = _replaced(recipe, field.strip().split("."), text.strip(), field.strip())
    check(changed)
    return changed


def _replaced(record: Any, path: list[str], text: str, field: str) -> Any:
    """Return the dataclass instance `record` with the field at `path` set from `text`."""
    hints = typing.get_type_hints(type(record))
    if path[0] not in hints:
        raise VitworkError(f"A recipe has no field {field!r}; {type(record).__name__} has {', '.join(hints)}.")
    hint = hints[path[0]]
    if len(path) == 1:
        return dataclasses.replace(record, **{path[0]: _value(text, hint, field)})
    inner = getattr(record, path[0])
    nested = next((option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)), None)
    if nested is None:
        raise VitworkError(f"A recipe has no field {field!r}: {path[0]} is one value.")
    # A part that is switched off, such as randaugment, is switched on with its defaults by setting one of its fields.
    inner = inner if inner is not None else typing.cast(Any, nested)()
    return dataclasses.replace(record, **{path[0]: _replaced(inner, path[1:], text, field)})


def _value(text: str, hint: Any, field: str) -> Any:
    """Return `text` as a value of type `hint`."""
    for read in _readers(hint):
        try:
            return read(text)
        except (ValueError, KeyError):
            continue
    raise VitworkError(f"{field} cannot be {text!r}; it takes {_described(hint)}.")


def _readers(hint: Any) -> list[Any]:
    """Return functions that read a text as `hint`, or raise ValueError or KeyError; to be tried in this order."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return [read for option in sorted(options, key=lambda option: option is str) for read in _readers(option)]
    if origin is typing.Literal:
        return [{str(option): option for option in options}.__getitem__]
    if origin is tuple:
        element = options[0]
        return [
            lambda text: tuple(_value(part.strip(), element, "an entry") for part in text.split(",") if part.strip())
        ]
    known: dict[Any, Any] = {
        type(None): {"none": None}.__getitem__,
        bool: lambda text: _BOOLEANS[text.lower()],
        int: int,
        float: float,
        str: str,
    }
    return [known[hint]] if hint in known else []


def _described(hint: Any) -> str:
    """Return what a field takes, in words."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_described(option) for option in options)
    if origin is typing.Literal:
        return ", ".join(repr(option) for option in options)
    if origin is tuple:
        return f"values separated by commas, each {_described(options[0])}"
    if dataclasses.is_dataclass(hint):
        return f"changes of its fields ({', '.join(typing.get_type_hints(hint))}), one at a time"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "none"}
    return words.get(hint, str(hint))
