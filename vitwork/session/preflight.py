"""What is checked before any worker starts, so that a mistake costs one sentence and no training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vitwork.design.arm import Arm
from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.session.surroundings import surroundings

FEWEST_CLASSES = 10  # of all data sets but a user's own
SIZES = {"cifar10": 32, "cifar100": 32, "imagenet": 224}
"""Sides in pixels of images that are used as they are; those of a user's folder are not known before they are read."""


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


@surroundings()
def try_models(profile: Profile, original: Profile) -> None:
    """Build each network that is not the original profile's, or whose images have another size, and pass two images.

    Raises:
        VitworkError: a model cannot be imported or built, does not take its options or the images, or returns no logits.
    """
    new = [arm for arm in profile.arms.values() if _network(arm) != _network(original.arms[arm.name])]
    if not new:
        return
    # Both need torch, which a session that changes no network starts without.
    from vitwork.device.settings import kept
    from vitwork.models.trial import try_network
    from vitwork.training.training import build_model

    for arm in new:
        size = arm.data.size or SIZES.get(arm.data.source)
        with kept():
            try_network(arm.name, arm.model, partial(build_model, arm, FEWEST_CLASSES), FEWEST_CLASSES, size)


def _network(arm: Arm) -> tuple[str, Mapping[str, Any], int | None]:
    return arm.model, arm.options, arm.data.size
