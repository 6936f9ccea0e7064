"""What a command line asks for: a profile with some settings changed, checked up front. Imports no torch itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.design.profiles import Profile
from vitwork.design.recipe import Recipe
from vitwork.design.recipes import RECIPES
from vitwork.design.typed_fields import replaced
from vitwork.errors import VitworkError, told

PARTS = ("recipe", "data", "options")

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
"""The options of every command that `override` serves, as argparse and pytest take them."""

FEWEST_CLASSES = 10  # of all data sets but a user's own
SIZES = {"cifar10": 32, "cifar100": 32, "imagenet": 224}
"""Sides in pixels of images that are used as they are; those of a user's folder are not known before they are read."""

DEBUGGING = ("deterministic=true", "precision=fp32", "compile=")
"""Changes that make a run on a GPU repeatable, at the price of speed."""


def override(profile: Profile, assignments: Sequence[str], *, deterministic: bool = False) -> Profile:
    """Return a profile with fields of its arms changed, each change noted among its deviations.

    Args:
        profile: the profile to start from.
        assignments: ``[ARM.]PATH=VALUE``, carried out in order. Without ARM all arms are changed. PATH is a recipe's
            field (``recipe.lr``, or ``lr`` alone; ``augmentation.mixup``), ``recipe`` for one of the paper's by name, a field of the data (``data.train``), or an
            option of the model (``options.dim``), whose value is read as Python writes it, or else is a word.
        deterministic: make `DEBUGGING`'s changes too.

    Raises:
        VitworkError: an assignment names no arm or field that there is, or its value does not fit.
    """
    arms, notes = dict(profile.arms), []
    for assignment in (*assignments, *(DEBUGGING if deterministic else ())):
        path, sign, text = (part.strip() for part in assignment.partition("="))
        if not sign or not path:
            raise VitworkError(f"Write a change as field=value or ARM.field=value, not {assignment!r}.")
        first, _, rest = path.partition(".")
        if first not in arms and first not in {*PARTS, *(field.name for field in fields(Recipe))}:
            raise VitworkError(
                f"{path!r} starts with neither an arm of {profile.name} ({', '.join(arms)}) nor recipe, data, options "
                "or a field of a recipe."
            )
        names, field = ([first], rest) if first in arms else (list(arms), path)
        arms |= {name: _changed(arms[name], field, text) for name in names}
        notes.append(
            f"{field}={text} for {first if first in profile.arms else 'all arms'}, set by hand in place of the profile’s own"
        )
    for arm in arms.values():  # at the end, because changes may only fit together
        schedule.check(arm.recipe)
        arm.data.check()
        _check_snapshots(arm)
    return replace(profile, arms=arms, deviations=(*profile.deviations, *notes))


def _check_snapshots(arm: Arm) -> None:
    try:
        schedule.snapshot_steps(arm.recipe, steps_per_epoch=1)
    except VitworkError as fault:  # fewer epochs leave the profile's own snapshots behind
        raise VitworkError(
            f"{fault} Choose others by --set snapshots=init,end, or --set {arm.name}.snapshots=init,end for {arm.name} alone."
        ) from fault


def check_device(device: str) -> str:
    """Return a device that was asked for, unchanged.

    Raises:
        VitworkError: it is neither ``auto`` nor one that torch can compute on here.
    """
    if device not in {"auto", "cpu"}:
        import torch

        try:
            float(torch.ones((), device=device))
        except (RuntimeError, AssertionError) as error:  # AssertionError where torch was built without the device
            why = str(error).partition("\n")[0].partition(". ")[0]
            raise VitworkError(
                f"The device {device!r} cannot be used ({why}): give cpu, cuda where there is a GPU, or auto."
            ) from error
    return device


def check_data(profile: Profile, data: Path | None) -> None:
    """Refuse a folder of images that no arm of a profile would read.

    Raises:
        VitworkError: there is one, and the images of every arm are drawn.
    """
    if data is not None and all(arm.data.source == "embedded" for arm in profile.arms.values()):
        raise VitworkError(
            f"The images of the profile {profile.name} are drawn, so {data} would not be read: leave --data out, choose "
            "another profile, or add --set data.source=folder."
        )


def import_from_here() -> None:
    """Let ``package.module:function`` be found in the current folder first, as ``python -m`` does.

    To be called before any key is made, because keys hold the source of the user's modules.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def substitute(profile: Profile, models: Sequence[str]) -> Profile:
    """Return a profile with the models of some arms replaced, each noted among its deviations.

    Args:
        profile: the profile to start from.
        models: ``[ARM=]MODEL`` each, with MODEL as `vitwork.models.create` takes it: ``module:function`` for a model of
            the user's, or ``timm:NAME``. Without ARM the Transformer ``vit`` is replaced. Options of the arm's own model
            are dropped; give others by ``--set ARM.options.NAME=VALUE``.

    Raises:
        VitworkError: there is no such arm, or what is given cannot be a model.
    """
    arms, notes = dict(profile.arms), []
    for given in models:
        name, model = _arm_and_model(given)
        if name not in arms:
            raise VitworkError(f"The profile {profile.name} has no arm {name!r}; it has {', '.join(arms)}.")
        if not all(model.partition(":")):
            raise VitworkError(f"A model is written module:function or timm:NAME, not {model!r}.")
        arms[name] = replace(arms[name], model=model, options={})
        notes.append(f"the arm {name} is {model}, not the profile's own model")
    return replace(profile, arms=arms, deviations=(*profile.deviations, *notes))


def _arm_and_model(given: str) -> tuple[str, str]:
    name, _, model = given.rpartition("=")
    return name or "vit", model


def try_models(profile: Profile, original: Profile) -> None:
    """Build each network that is not the original profile's, or whose images have another size, and pass two images.

    Raises:
        VitworkError: a model cannot be imported or built, does not take its options or the images, or returns no logits.
    """
    new = [arm for arm in profile.arms.values() if _network(arm) != _network(original.arms[arm.name])]
    if not new:
        return
    import torch

    from vitwork.models.trial import check_logits
    from vitwork.training.run import build_model

    for arm in new:
        try:
            model = build_model(arm, FEWEST_CLASSES)
        except VitworkError as fault:
            raise VitworkError(f"The arm {arm.name}: {fault}") from fault
        except Exception as fault:  # whatever the user's own code raises
            raise VitworkError(f"{arm.model} cannot be built: {told(fault)}") from fault
        if size := arm.data.size or SIZES.get(arm.data.source):
            images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
            check_logits(model.eval(), images, FEWEST_CLASSES, arm.model)


def _network(arm: Arm) -> tuple[str, Mapping[str, Any], int | None]:
    return arm.model, arm.options, arm.data.size


def _changed(arm: Arm, path: str, text: str) -> Arm:
    """Return the arm with one field changed."""
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
