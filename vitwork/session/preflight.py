"""Checks before any worker starts, so that a user's mistake ends in one sentence before any training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.session.environment import as_found

FEWEST_CLASSES = 10  # of all data sets except a user's own
SIZES = {"cifar10": 32, "cifar100": 32, "imagenet": 224}
"""Sides in pixels of images that are used unscaled; the size of a user's images is unknown until they are read."""

KINDS = {"conv": "Conv", "msa": "MSA", "mlp": "MLP"}
"""Kinds of blocks that claims compare, with their names in sentences."""


def check_data(profile: Profile, data: Path | None) -> None:
    """Refuse a folder of images that no arm of a profile would read.

    Raises:
        VitworkError: a folder is given, but the images of every arm are generated.
    """
    if data is not None and all(arm.data.source == "embedded" for arm in profile.arms.values()):
        raise VitworkError(
            f"The images of the profile {profile.name} are drawn, so {data} would not be read: leave --data out, choose "
            "another profile, or add --set data.source=folder."
        )


def import_from_here() -> None:
    """Let ``package.module:function`` be found in the current folder first, as ``python -m`` does.

    Call this before any key is computed, because keys depend on the source of the user's modules.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


@as_found()
def try_models(profile: Profile, original: Profile) -> list[str]:
    """Build each network that is not the original profile's, or whose images have another size, and pass two images.

    Returns:
        A sentence for each network that allows fewer measurements than the profile's own, because it lacks a kind of
        block or cannot be divided into blocks.

    Raises:
        VitworkError: a model cannot be imported or built, does not take its options or the images, or returns no logits.
    """
    new = [arm for arm in profile.arms.values() if _network(arm) != _network(original.arms[arm.name])]
    return [sentence for arm in new for sentence in _tried(arm, original.arms[arm.name])]


def _tried(arm: Arm, own: Arm) -> list[str]:
    """Try an arm's network, and return the kinds of blocks that it lacks compared with the profile's own."""
    # Both import torch, which a session that changes no network does not need yet.
    from vitwork.device.settings import kept
    from vitwork.models.trial import kinds_of, try_network
    from vitwork.training.training import build_model

    size, own_size = (each.data.size or SIZES.get(each.data.source) for each in (arm, own))
    with kept():
        model = try_network(arm.name, arm.model, partial(build_model, arm, FEWEST_CLASSES), FEWEST_CLASSES, size)
    if not size or not own_size:
        return []
    network = f"The network of {arm.name}, {arm.model},"
    try:
        kinds = kinds_of(model, size)
    except VitworkError as why:
        return [f"{network} is not divided into blocks, so nothing is measured block by block: {str(why).rstrip('.')}."]
    with suppress(VitworkError):  # the profile's own network cannot be divided, so nothing is compared
        lost = kinds_of(build_model(own, FEWEST_CLASSES).eval(), own_size) - kinds
        return [
            f"{network} has no {word} block: no claim about its {word}s is measured."
            for kind, word in KINDS.items()
            if kind in lost
        ]
    return []


def _network(arm: Arm) -> tuple[str, Mapping[str, Any], int | None]:
    return arm.model, arm.options, arm.data.size
