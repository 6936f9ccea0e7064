"""The profiles of the suite, that is, the scales at which the claims are tested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.profiles.cifar import CIFAR10, CIFAR100, PAPER
from vitwork.profiles.imagenet import IMAGENET
from vitwork.profiles.published import PAPER_CHECKPOINTS, PAPER_CHECKPOINTS_IMAGENET, PUBLISHED
from vitwork.profiles.small import CIFAR10_MICRO, CIFAR100_MICRO, SMOKE

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        SMOKE,
        CIFAR10_MICRO,
        CIFAR100_MICRO,
        CIFAR10,
        CIFAR100,
        PAPER,
        IMAGENET,
        PUBLISHED,
        PAPER_CHECKPOINTS,
        PAPER_CHECKPOINTS_IMAGENET,
    )
}


@cache
def registered(name: str) -> tuple[str, ...]:
    """Return the ids of the claims that a profile can measure, over which its false discovery rate is controlled.

    ``python docs/claim_sheet.py`` writes the list from the claims; empty for a user's own profile.
    """
    return tuple(json.loads((Path(__file__).parent / "registered.json").read_text(encoding="utf-8")).get(name, ()))


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that training and measuring a run of each arm took on a machine."""

    machine: str
    seconds: dict[str, float]


@cache
def timings(name: str) -> Timings | None:
    """Return the times of a profile's published report; None if there is none.

    ``python docs/from_reports.py`` writes the file.
    """
    known = json.loads((Path(__file__).parent / "timings.json").read_text(encoding="utf-8"))
    return Timings(**known[name]) if name in known else None


def find(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        VitworkError: there is no such profile; the message names those that exist.
    """
    if name not in PROFILES:
        raise VitworkError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
