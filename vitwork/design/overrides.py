"""Applies a command line's changes to the settings of a profile."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT
from vitwork.design.deviation import Change, Deviation
from vitwork.design.profile import Profile
from vitwork.design.recipe import Recipe
from vitwork.design.recipes import RECIPES
from vitwork.design.typed_fields import replaced
from vitwork.errors import VitworkError

PARTS = ("recipe", "data", "options")

COUNTS = {"data.test", "data.train", "data.fraction"}
"""Fields that can be changed for loaded networks: the numbers of their images."""

OPTIONS: dict[str, dict[str, Any]] = {
    "--set": {
        "action": "append",
        "default": [],
        "dest": "changes",
        "metavar": "[ARM.]FIELD=VALUE",
        "help": "change a field of all arms or of one, as lr=1e-3, vit.augmentation.mixup=0.8, recipe=sgd, data.train=500 "
        "or vit.options.dim=32",
    },
    "--deterministic": {"action": "store_true", "help": "for debugging: fp32 and deterministic kernels only"},
}
"""The options of every command that uses `override`, in the form that argparse and pytest take."""

DEBUGGING = ("deterministic=true", "precision=fp32", "compile=")
"""Changes that make a run on a GPU repeatable, at the price of speed."""


def with_seeds(profile: Profile, number: int, usual: int) -> Profile:
    """Return a profile with a number of seeds; a number other than `usual` is noted among its deviations."""
    others = tuple(found for found in profile.deviations if found.change is not Change.SEEDS)
    told = (Deviation(Change.SEEDS, value=str(number)),) if number != usual else ()
    return replace(profile, seeds=number, deviations=(*others, *told))


def override(profile: Profile, assignments: Sequence[str], *, deterministic: bool = False) -> Profile:
    """Return a profile with fields of its arms changed, each change noted among its deviations and behind its summary.

    Args:
        profile: the profile to start from.
        assignments: ``[ARM.]PATH=VALUE``, carried out in order. Without ARM all arms are changed. PATH is a recipe's
            field (``recipe.lr``, or ``lr`` alone; ``augmentation.mixup``), ``recipe`` for one of the paper's by name, a field
            of the data (``data.train``), or an option of the model (``options.dim``), whose value is read as a Python
            literal, or as a word if it is none.
        deterministic: make the changes in `DEBUGGING` too.

    Raises:
        VitworkError: an assignment names an unknown arm or field, or its value does not fit.
    """
    arms, changes = dict(profile.arms), list(profile.deviations)
    for assignment in (*assignments, *(DEBUGGING if deterministic else ())):
        arm, field, text = _parsed(assignment, profile)
        arms |= {name: _changed(arms[name], field, text) for name in ([arm] if arm else arms)}
        changes.append(Deviation(Change.SETTING, arm=arm, field=field, value=text))
    arms = {name: _shortened(changed, profile.arms[name]) for name, changed in arms.items()}
    for changed in arms.values():  # at the end, because some changes only fit together
        schedule.check_recipe(changed.recipe)
        changed.data.check()
        _check_snapshots(changed)
    _check_images([arm for arm in arms.values() if arm.loaded])
    changed_to = f"; as changed: {', '.join(assignments)}" if assignments else ""
    return replace(profile, arms=arms, deviations=tuple(changes), summary=f"{profile.summary}{changed_to}")


def _parsed(assignment: str, profile: Profile) -> tuple[str, str, str]:
    """Return arm (empty for all), field and value of an assignment."""
    path, sign, text = (part.strip() for part in assignment.partition("="))
    if not sign or not path:
        raise VitworkError(f"Write a change as field=value or ARM.field=value, not {assignment!r}.")
    first, _, rest = path.partition(".")
    if first in profile.arms:
        return first, rest, text
    if first not in {*PARTS, *(field.name for field in fields(Recipe))}:
        raise VitworkError(
            f"{path!r} starts with neither an arm of {profile.name} ({', '.join(profile.arms)}) nor recipe, data, options "
            "or a field of a recipe."
        )
    return "", path, text


def _shortened(arm: Arm, own: Arm) -> Arm:
    """Return an arm without the profile's snapshots that lie beyond a reduced number of epochs; a user's own stay."""
    recipe = arm.recipe
    if recipe.snapshots != own.recipe.snapshots:
        return arm
    left = tuple(when for when in recipe.snapshots if not isinstance(when, int) or when <= recipe.epochs)
    return replace(arm, recipe=replace(recipe, snapshots=left))


def _check_snapshots(arm: Arm) -> None:
    try:
        schedule.snapshot_steps(arm.recipe, steps_per_epoch=1)
    except VitworkError as fault:
        raise VitworkError(
            f"{fault} Choose others by --set snapshots=init,end, or --set {arm.name}.snapshots=init,end for {arm.name} alone."
        ) from fault


def _check_images(loaded: Sequence[Arm]) -> None:
    """Refuse changes that give loaded networks different images, or a number of training images if there are none.

    Raises:
        VitworkError: arms differ in their data, or more than the number of images is changed for a source that has only
            test images.
    """
    specs = {arm.data for arm in loaded}
    if len(specs) > 1:
        raise VitworkError(
            "Networks that are loaded are compared on the same images: change data.test and the like for all arms, not for one."
        )
    if any(spec.source == HELD_OUT and (spec.train, spec.fraction) != (None, 1.0) for spec in specs):
        raise VitworkError(
            f"Of {HELD_OUT} there are test images alone, so data.train and data.fraction would not be read: set data.test."
        )


def substitute(profile: Profile, models: Sequence[str]) -> Profile:
    """Return a profile with the models of some arms replaced, each noted among its deviations.

    Args:
        profile: the profile to start from.
        models: ``[ARM=]MODEL`` each, with MODEL as `vitwork.models.create` takes it: ``module:function`` for a user's
            model, or ``timm:NAME``. Without ARM the Transformer ``vit`` is replaced. Options of the arm's own model
            are dropped; set others by ``--set ARM.options.NAME=VALUE``.

    Raises:
        VitworkError: there is no such arm, or MODEL cannot be the name of a model.
    """
    arms, changes = dict(profile.arms), list(profile.deviations)
    for given in models:
        name, model = _arm_and_model(given)
        profile.check_arms([name])
        if any(found.change is Change.MODEL and found.arm == name for found in changes):
            raise VitworkError(f"--model gives the arm {name} two models; it trains one.")
        if not all(model.partition(":")):
            raise VitworkError(f"A model is written module:function or timm:NAME, not {model!r}.")
        arms[name] = replace(arms[name], model=model, options={})
        changes.append(Deviation(Change.MODEL, arm=name, value=model))
    return replace(profile, arms=arms, deviations=tuple(changes))


def assignments(changes: Iterable[Deviation]) -> list[str]:
    """Return the assignments that `override` noted."""
    return [
        f"{found.arm}{'.' * bool(found.arm)}{found.field}={found.value}"
        for found in changes
        if found.change is Change.SETTING
    ]


def models(changes: Iterable[Deviation]) -> list[str]:
    """Return the models that `substitute` noted."""
    return [f"{found.arm}={found.value}" for found in changes if found.change is Change.MODEL]


def _arm_and_model(given: str) -> tuple[str, str]:
    name, _, model = given.rpartition("=")
    return name or "vit", model


def _changed(arm: Arm, path: str, text: str) -> Arm:
    """Return the arm with one field changed."""
    if arm.loaded and path not in COUNTS:
        raise VitworkError(
            f"The networks of {arm.name} are loaded, not trained: only how many images they see can be changed, not {path}."
        )
    if path == "recipe":
        if text not in RECIPES:
            raise VitworkError(f"There is no recipe {text!r}; choose one of {', '.join(RECIPES)}.")
        return replace(arm, recipe=RECIPES[text])
    part, _, field = path.partition(".")
    if path and part not in PARTS:
        part, field = "recipe", path
    if not field:
        raise VitworkError(f"Say which field to change, as in {part or arm.name}.FIELD={text}.")
    if part == "options":
        return replace(arm, options={**arm.options, field: _literal(text)})
    if part == "data":
        return replace(arm, data=replaced(arm.data, field, text))
    return replace(arm, recipe=replaced(arm.recipe, field, text))


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
