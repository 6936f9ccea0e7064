"""The model that ``vitwork analyse`` looks at, and its images."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Recipe
from vitwork.device import place
from vitwork.errors import VitworkError

if TYPE_CHECKING:
    from vitwork.data.images import Splits
    from vitwork.measurements.trained_run import TrainedRun


def weights(given: Namespace) -> str:
    """Return where the weights come from, in words: what is measured of random ones says nothing of a trained network."""
    if given.checkpoint or given.pretrained:
        return "weights of a checkpoint" if given.checkpoint else "pre-trained"
    own = ":" in given.model and not given.model.startswith("timm:")
    return "untrained unless its function loads weights" if own else "untrained"


def subject(given: Namespace) -> tuple[TrainedRun, bool]:
    """Return the model as measurements take one, and whether its images are of the classes that it tells apart."""
    from vitwork.device.settings import kept

    with kept():
        return _subject(given)


def _subject(given: Namespace) -> tuple[TrainedRun, bool]:
    import torch

    from vitwork.data.images import Splits
    from vitwork.measurements.trained_run import TrainedRun
    from vitwork.models import create, load_checkpoint
    from vitwork.models.trial import check_logits

    spec, splits = _images(given)
    drawn = len(splits.train.classes)
    classes = given.classes or (1000 if given.pretrained else drawn)
    device = place.pick(given.device)
    torch.manual_seed(0)  # for weights that are not stored
    if given.checkpoint:
        model = load_checkpoint(given.model, given.checkpoint, classes)
    else:
        model = create(given.model, classes, **({"pretrained": True} if given.pretrained else {}))
    if given.pretrained and (config := getattr(model, "pretrained_cfg", None)):
        mean, std = tuple(config["mean"]), tuple(config["std"])
        splits = Splits(*(replace(part, mean=mean, std=std) for part in (splits.train, splits.test)))
    model = model.to(device).eval()
    images = splits.test.normalised(slice(8)).to(device)
    check_logits(model, images, classes, given.model)
    if not hasattr(model, "input_size"):  # for those who trace its code; its own may mean something else
        model.input_size = tuple(images.shape[1:])  # type: ignore[assignment]
    run = TrainedRun(Arm(given.model, given.model, {}, Recipe(), spec), 0, Path(), splits, device, at_once=64)
    run.once(("model", "end"), lambda: model)
    stored = bool(given.pretrained or given.checkpoint)
    return run, classes == drawn and (given.data is not None or not stored)


def _images(given: Namespace) -> tuple[DataSpec, Splits]:
    """Return the images of the size that the model takes, and no more of them to judge it on than were asked for."""
    from vitwork.data import load

    images = {} if given.data else {"train": max(500, given.images), "test": given.images}
    spec = DataSpec("folder" if given.data else "embedded", size=given.size or _size(given.model), **images)
    try:
        splits = load(spec, given.data)
    except UnicodeEncodeError as error:
        name = ascii(str(error.object)[: error.end].rpartition("\n")[2])
        raise VitworkError(f"The name of a file or folder is not UTF-8, from {name} on: rename it.") from error
    test = splits.test
    if len(test) > given.images:  # their order is that of a hash, so the first are a fair sample
        first = slice(given.images)
        splits = replace(splits, test=replace(test, images=test.images[first], labels=test.labels[first]))
    return spec, splits


def _size(name: str) -> int:
    """Return the side of the images that a model says it takes, 32 where it says nothing."""
    import torch

    from vitwork.models import create

    try:
        with torch.device("meta"):
            model = create(name)
    except VitworkError:  # a builder that reads values, which are not there, or a mistake, of which this one speaks
        model = create(name)
    stated = getattr(model, "input_size", None) or (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
    return int(stated[-1]) if isinstance(stated, (tuple, list)) else 32
