"""Profiles: at which scales the claims are tested. Imports no torch."""

from __future__ import annotations

from vitwork.design.profile import Profile
from vitwork.errors import VitworkError
from vitwork.profiles.cifar import CIFAR10, CIFAR100, PAPER
from vitwork.profiles.imagenet import IMAGENET
from vitwork.profiles.small import CIFAR10_MICRO, SMOKE

PROFILES: dict[str, Profile] = {
    profile.name: profile for profile in (SMOKE, CIFAR10_MICRO, CIFAR10, CIFAR100, PAPER, IMAGENET)
}


def find(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        VitworkError: there is none; the message names those that exist.
    """
    if name not in PROFILES:
        raise VitworkError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
