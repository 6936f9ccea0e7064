"""Which published networks a session compares: the profile's rules applied to the installed timm, and whose weights are here.

Imports no torch, but timm does, when a profile has such networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vitwork.design.arm import Arm
from vitwork.design.deviation import Change, Deviation
from vitwork.design.profile import NETWORKS, Profile
from vitwork.design.published import Network
from vitwork.errors import VitworkError

NAMED = 8
"""Networks that a sentence names; of more, it gives the number."""


def members(arm: Arm) -> tuple[Network, ...]:
    """Return the published networks of an arm, whether their weights are here or not: those named, or of its family."""
    if arm.family is None:
        return arm.networks
    from vitwork.models.published.membership import groups

    return tuple(group.network for group in groups(arm.family))


def loads(profile: Profile) -> bool:
    """Return whether a profile has arms of published networks."""
    return any(arm.loaded for arm in profile.arms.values())


def check_folder(weights: Path | None) -> None:
    """Refuse a folder of weights that is none.

    Raises:
        VitworkError: it does not exist or is not a folder.
    """
    if weights is not None and not weights.is_dir():
        raise VitworkError(f"The folder of weights {weights} does not exist or is not a folder.")


def as_if_here(profile: Profile) -> Profile:
    """Return a profile whose arms have all networks that belong to them, none of which can be loaded."""
    arms = {
        name: replace(arm, family=None, networks=found) for name, arm in profile.arms.items() if (found := members(arm))
    }
    return replace(profile, arms=arms)


def located(
    profile: Profile,
    weights: Path | None,
    own: Mapping[str, Sequence[Network]] | None = None,
    *,
    planned: bool = False,
) -> Profile:
    """Return a profile whose arms have the networks whose weights are here, and know the others by name.

    Arms to which nothing belongs, at the installed timm, are left out.

    Args:
        profile: the profile.
        weights: folder that holds them; None for the hub's cache.
        own: networks that take the place of an arm's own, by arm.
        planned: whether what is not here is to be counted as if it were, since nothing is loaded.

    Raises:
        VitworkError: a network of a user's own is not here, or none at all is.
    """
    if not loads(profile):
        if weights is not None:
            raise VitworkError(f"The profile {profile.name} trains its networks, so {weights} would not be read.")
        return profile
    check_folder(weights)
    asked = own or {}
    arms = {
        name: _located(arm, asked.get(name), weights, planned=planned)
        for name, arm in profile.arms.items()
        if arm.loaded
    }
    found = {name: arm for name, arm in arms.items() if arm.networks or arm.missing}
    missing = _missing(found)
    if lost := [name for arm in asked for name in _absent(found[arm])]:
        raise VitworkError(f"The weights of {_named(lost)} are not {_where(weights)}.")
    if not any(arm.networks for arm in found.values()):
        raise VitworkError(
            f"No weights of the profile {profile.name} are {_where(weights)} ({_named(missing)}): "
            f"`vitwork networks {profile.name} --fetch` gets them, and --weights names a folder that has them."
        )
    changes = [
        *(Deviation(Change.MODEL, arm=arm, field=NETWORKS, value=", ".join(one.name for one in networks)) for arm, networks in asked.items()),
        *([Deviation(Change.DECLARED, f"without {_named(missing)}, whose weights were not there")] if missing and not planned else []),
    ]  # fmt: skip
    return replace(profile, arms=found, deviations=(*profile.deviations, *changes))


def _located(arm: Arm, own: Sequence[Network] | None, weights: Path | None, *, planned: bool) -> Arm:
    from vitwork.models.published.weights import located as found

    networks = [found(network, weights) for network in (own or members(arm))]
    return replace(
        arm,
        family=None,
        networks=tuple(network for network in networks if planned or network.path is not None),
        missing=tuple(network.name for network in networks if not planned and network.path is None),
    )


def _missing(arms: Mapping[str, Arm]) -> list[str]:
    return sorted({name for arm in arms.values() for name in _absent(arm)})


def _absent(arm: Arm) -> list[str]:
    """Return the networks of an arm whose weights are not here, those that a plan counts as if they were included."""
    return [*arm.missing, *(network.name for network in arm.networks if network.path is None)]


def _named(names: Sequence[str]) -> str:
    further = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {further} more" if further > 0 else "")


def _where(weights: Path | None) -> str:
    return f"in {weights}" if weights else "in the cache of the hub"


def given(profile: Profile, models: Sequence[str]) -> dict[str, tuple[Network, ...]]:
    """Return the networks of a user's own, by arm.

    Args:
        profile: has published networks.
        models: ``[ARM=]timm:NAME[,timm:NAME …]`` each; without ARM the Transformer ``vit`` is meant, and ``timm:`` may
            stand once.

    Raises:
        VitworkError: there is no such arm, the name is none of timm's, or one is given twice.
    """
    from vitwork.models.published.membership import TIMM, published

    own: dict[str, tuple[Network, ...]] = {}
    for entry in models:
        arm, _, listed = entry.rpartition("=")
        arm = arm or "vit"
        if arm not in profile.arms:
            raise VitworkError(f"The profile {profile.name} has no arm {arm!r}; it has {', '.join(profile.arms)}.")
        if not listed.startswith(TIMM):
            raise VitworkError(f"The networks of {profile.name} are loaded: write ARM=timm:NAME,NAME…, not {entry!r}.")
        names = [name.strip().removeprefix(TIMM) for name in listed.split(",")]
        if len(set(names)) < len(names):
            raise VitworkError(f"{entry!r} names a network twice, which would count as two.")
        if arm in own:
            raise VitworkError(
                f"--model names networks of {arm} twice: name all of them in one, {arm}=timm:NAME,NAME…."
            )
        own[arm] = tuple(map(published, names))
    return own


def lines(profile: Profile) -> list[str]:
    """Return what stands behind each arm of published networks, in a sentence each; none for other profiles."""
    if not loads(profile):
        return []
    counts = (f"{name} {len(arm.networks)}{few(len(arm.networks))}" for name, arm in profile.arms.items())
    missing = _missing(profile.arms)
    said = [f"Published networks: {', '.join(counts)}."]
    pointer = f"; `vitwork networks {profile.name}` lists them" if len(missing) > NAMED else ""
    return said + ([f"The weights of {_named(missing)} are not here{pointer}."] if missing else [])


def few(networks: int) -> str:
    """Return what is to be said of an arm of so many networks; nothing where there are enough to decide small effects."""
    from vitwork.statistics.decision import FEWEST_SEEDS  # with NumPy, which most processes of a session never need

    if networks < 2:
        return " (alone it decides nothing)" if networks else ""
    return " (few: only a large effect is decided)" if networks <= FEWEST_SEEDS else ""
