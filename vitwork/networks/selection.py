"""Selects a session's published networks: applies the profile's rules to the installed timm, and looks for weights.

timm, and with it torch, is imported only if a profile has such networks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

from vitwork import profiles
from vitwork.design.arm import Arm
from vitwork.design.deviation import Change, Deviation, declared
from vitwork.design.profile import Profile
from vitwork.design.published import Absent, Network
from vitwork.errors import DamagedError, VitworkError
from vitwork.store.keys import digest

NAMED = 8
"""Most networks that a sentence names; for more, it gives their number."""


def members(arm: Arm) -> tuple[Network, ...]:
    """Return the published networks of an arm: those it names, or its family's, whether their weights are here or not.

    The networks of a family are ordered by a hash of their names, so that the first ones are a fair sample of it.
    """
    if arm.family is None:
        return arm.networks
    from vitwork.models.published.membership import groups

    return tuple(sorted((group.network for group in groups(arm.family)), key=lambda network: digest(network.name)))


def check_folder(weights: Path | None) -> None:
    """Refuse a path of weights that is not a folder.

    Raises:
        VitworkError: the path does not exist or is not a folder.
    """
    if weights is not None and not weights.is_dir():
        raise VitworkError(f"The folder of weights {weights} does not exist or is not a folder.")


def as_if_here(profile: Profile) -> Profile:
    """Return a profile whose arms list all networks that belong to them; none of them can be loaded."""
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
    """Return a profile whose arms have the networks whose weights are here, and list the others as missing.

    Arms without any network in the installed timm are left out. The same weights under several names count once.
    Weights that cannot be used count as missing.

    Args:
        profile: the profile.
        weights: folder of the weights; None for the hub's cache.
        own: a user's networks that replace an arm's own, by arm.
        planned: whether missing weights count as present, because nothing is loaded.

    Raises:
        VitworkError: too few of the networks that a user names for an arm are here, or no weights at all are here, or a
            network would be compared with itself.
    """
    if not profile.loaded:
        if weights is not None:
            raise VitworkError(f"The profile {profile.name} trains its networks, so {weights} would not be read.")
        return profile
    check_folder(weights)
    from vitwork.models.published.content import copies

    asked = own or {}
    known = {
        name: [_or_absent(network, weights) for network in members(with_own(arm, asked.get(name)))]
        for name, arm in profile.arms.items()
        if arm.loaded
    }
    absent = {name: sorted(one for _, one in networks if one is not None) for name, networks in known.items()}
    found = {
        name: _located(profile.arms[name], networks, planned=planned) for name, networks in known.items() if networks
    }
    double = {name: copies(arm.networks) for name, arm in found.items()}
    arms = {name: _without(arm, double[name]) for name, arm in found.items()}
    told = {name: _told(double[name]) for name in arms}
    lacking = [name for name in asked if not arms[name].complete]
    if lost := dict.fromkeys(one for name in lacking for one in arms[name].missing):
        getting = (
            "" if weights else f": `vitwork networks {profile.name} --fetch --model …` gets those that are published"
        )
        once = "".join(f" ({text})" for text in dict.fromkeys(text for name in lacking for text in told[name]))
        raise VitworkError(
            f"No usable weights of {_named(list(lost))} are {_where(weights)}, and too few are left without{once}{getting}."
        )
    if not any(arm.networks for arm in arms.values()):
        missing = sorted({one for name in arms for one in absent[name]})
        raise VitworkError(
            f"No weights of the profile {profile.name} are {_where(weights)} ({_named(missing)}): "
            f"`vitwork networks {profile.name} --fetch` gets them, and --weights names a folder that has them."
        )
    _check_apart(profile, arms, asked)
    models = {arm: [one.name for one in arms[arm].networks] for arm in asked}
    changes = [
        *(Deviation(Change.NETWORKS, arm=arm, networks=tuple(names)) for arm, names in models.items()),
        *declared(*dict.fromkeys(text for texts in told.values() for text in texts)),
        *declared(*foreign(profile, models)),
        *declared(*_lacking(arms, absent)),
    ]  # fmt: skip
    return replace(profile, arms=arms, deviations=(*profile.deviations, *changes))


def looked_up(network: Network, weights: Path | None) -> tuple[Network, DamagedError | str | None]:
    """Return a network with the details that its weights add, and the reason if they cannot be loaded.

    The reason is the damage, or, for weights that are not here, a possible explanation in words; None if they are here.
    """
    from vitwork.models.published.content import found
    from vitwork.models.published.spelling import misspelt

    try:
        here = found(network, weights)
    except DamagedError as why:
        return network, why
    return here, None if here.path else misspelt(network, weights)


def _or_absent(network: Network, weights: Path | None) -> tuple[Network, Absent | None]:
    here, wrong = looked_up(network, weights)
    reason = wrong.reason if isinstance(wrong, DamagedError) else wrong
    return here, None if reason is None else Absent(network.name, reason)


def _located(arm: Arm, known: Sequence[tuple[Network, Absent | None]], *, planned: bool) -> Arm:
    networks = tuple(network for network, absent in known if planned or absent is None)
    missing = () if planned else tuple(sorted(absent for _, absent in known if absent is not None))
    return replace(arm, family=None, networks=networks, missing=missing)


def with_own(arm: Arm, own: Sequence[Network] | None) -> Arm:
    """Return an arm with a user's networks in place of its own; unchanged if there are none."""
    return replace(arm, family=None, networks=tuple(own)) if own else arm


def _without(arm: Arm, names: Collection[str]) -> Arm:
    return replace(arm, networks=tuple(network for network in arm.networks if network.name not in names))


def _told(copies: Mapping[str, str]) -> list[str]:
    """Return sentences that say which networks are copies of another."""
    groups = {original: [name for name, of in copies.items() if of == original] for original in copies.values()}
    return [f"counted once, as the same weights: {original}, {_named(names)}" for original, names in groups.items()]


def foreign(profile: Profile, models: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield sentences about networks that a user puts into an arm whose rule does not include their architecture."""
    from vitwork.models.published.membership import is_of

    arms: dict[tuple[str, ...], list[str]] = {}
    for name, names in models.items():
        family = profile.arms[name].family
        arms.setdefault(tuple(one for one in names if family is not None and not is_of(family, one)), []).append(name)
    for names, found in arms.items():
        if names:
            yield f"in {' and '.join(found)}, whose rule asks for other architectures: {_named(names)}"


def _check_apart(profile: Profile, arms: Mapping[str, Arm], own: Collection[str]) -> None:
    """Refuse the same weights in an arm of a user's networks and in another arm, unless the arms' rules share networks.

    Raises:
        VitworkError: a comparison of two arms would compare a network with itself, or with another one of its training.
    """
    from vitwork.models.published.content import copies

    named = {name: [one for one in arm.networks if one.path or name in own] for name, arm in arms.items()}
    _check_trainings(profile, named, own)
    for arm, other in _apart(profile, arms, own):
        for copy, original in copies([*arms[arm].networks, *arms[other].networks]).items():
            called = "" if copy == original else f", in one of them as {copy}"
            raise VitworkError(
                f"The weights of {original} are in {arm} and in {other}{called}: a comparison of these arms would compare them with themselves."
            )


def _check_trainings(profile: Profile, arms: Mapping[str, Iterable[Network]], own: Collection[str]) -> None:
    """Refuse networks of one training in an arm of a user's networks and in another, unless their rules share networks.

    Raises:
        VitworkError: a comparison of two arms would compare a training with itself.
    """
    from vitwork.models.published.membership import of_one_training

    for arm, other in _apart(profile, arms, own):
        for first, second in product(arms[arm], arms[other]):
            if of_one_training(first, second):
                raise VitworkError(
                    f"{first.name} in {arm} and {second.name} in {other} come from one training, which a comparison of these arms would compare "
                    "with itself: name others for one of them."
                )


def _apart(profile: Profile, arms: Iterable[str], own: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of arms that must not share networks: one has a user's networks, and their rules share none."""
    names = {arm: {network.name for network in members(profile.arms[arm])} for arm in arms} if own else {}
    for arm, other in combinations(names, 2):
        if {arm, other} & set(own) and not names[arm] & names[other]:
            yield arm, other


def _lacking(arms: Mapping[str, Arm], absent: Mapping[str, Collection[Absent]]) -> list[str]:
    """Return sentences on missing weights: by arm if it has none at all, and by network if a reason is known."""
    empty = [name for name, arm in arms.items() if not any(network.path for network in arm.networks)]
    known = {one for name in arms for one in absent[name] if one.reason}
    of_others = {one for name in arms if name not in empty for one in absent[name]}
    named = [*sorted(known), *sorted(of_others - known)]
    parts = [*[_named(named)] * bool(named), *[f"any network of {_named(empty)}"] * bool(empty)]
    return [f"without {', and without '.join(parts)}: no usable weights were there"] if parts else []


def _named(networks: Sequence[str | Absent]) -> str:
    further = len(networks) - NAMED
    return ", ".join(map(str, networks[:NAMED])) + (f" and {further} more" if further > 0 else "")


def _where(weights: Path | None) -> str:
    return f"in {weights}" if weights else "in the cache of the hub"


def given(profile: Profile, models: Sequence[str]) -> dict[str, tuple[Network, ...]]:
    """Return a user's networks by arm; an arm that is the same under another name gets them too.

    Args:
        profile: a profile of published networks.
        models: ``[ARM=]timm:NAME[,timm:NAME …]`` each; without ARM the Transformer ``vit`` is meant, and ``timm:`` may
            be written only once.

    Raises:
        VitworkError: there is no such arm, timm does not have the name, a network has other classes than those of the
            arm, or two networks are the same, or of one training, in one arm or in two.
    """
    from vitwork.models.published.membership import TIMM, published

    own: dict[str, tuple[Network, ...]] = {}
    for entry in models:
        arm, _, listed = (part.strip() for part in entry.rpartition("="))
        arm = arm or "vit"
        profile.check_arms([arm])
        if not listed.startswith(TIMM):
            raise VitworkError(f"The networks of {profile.name} are loaded: write ARM=timm:NAME,NAME…, not {entry!r}.")
        if arm in own:
            raise VitworkError(
                f"--model names networks of {arm} twice: name all of them in one, {arm}=timm:NAME,NAME…."
            )
        names = [name.strip().removeprefix(TIMM).strip() for name in listed.split(",")]
        if not all(names):
            raise VitworkError(f"{entry!r} has no name where one belongs: write {arm}=timm:NAME,NAME….")
        own[arm] = tuple(map(published, names))
        _check_independent(own[arm], entry)
        _check_classes(own[arm], profile.arms[arm])
    own |= {
        same: own[arm] for arm in own for same in profile.arms if same not in own and same_networks(profile, same, arm)
    }
    _check_trainings(profile, own, own)
    return own


def same_networks(profile: Profile, one: str, other: str) -> bool:
    """Return whether two names stand for the same arm of published networks."""
    first, second = profile.arms[one], profile.arms[other]
    return (first.family, first.networks) == (second.family, second.networks)


def _check_classes(networks: Sequence[Network], arm: Arm) -> None:
    """Refuse a network with other classes than an arm's own networks, because it would be tested on the arm's images.

    Raises:
        VitworkError: there is such a network.
    """
    usual = {network.classes for network in members(arm)}
    if usual and (other := next((network for network in networks if network.classes not in usual), None)):
        raise VitworkError(
            f"{other.name} tells {other.classes} classes apart, and the images of {arm.name} are of {', '.join(map(str, usual))}."
        )


def _check_independent(networks: Sequence[Network], entry: str) -> None:
    """Refuse a network that is given twice, also under two names, and two of timm's networks tuned from one training.

    Raises:
        VitworkError: one network or training would count as two.
    """
    from vitwork.models.published.membership import of_one_training

    for one, other in combinations(networks, 2):
        if one.name == other.name:
            raise VitworkError(f"{entry!r} names {one.name} twice, which would count as two.")
        if of_one_training(one, other):
            raise VitworkError(f"{one.name} and {other.name} come from one training, and would count as two: name one.")


def lines(profile: Profile) -> list[str]:
    """Return a sentence on the networks of each arm of published networks; empty for other profiles."""
    if not profile.loaded:
        return []
    counts = (f"{name} {count}{few(count)}" for name, arm in profile.arms.items() if (count := len(arm.networks)))
    usual = profiles.find(profile.name).deviations
    own = [found.text for found in profile.deviations if found.change is Change.DECLARED and found not in usual]
    lacking = any(arm.missing or not all(network.path for network in arm.networks) for arm in profile.arms.values())
    return [
        f"Published networks: {', '.join(counts)}.",
        *(f"{text[:1].upper()}{text[1:]}." for text in own),
        *[f"`vitwork networks {profile.name}` lists what is here."] * lacking,
    ]


def few(networks: int) -> str:
    """Return a warning about an arm of few networks; empty if there are enough to decide small effects."""
    from vitwork.statistics.power import FEWEST_SEEDS  # imports NumPy, which most processes of a session never need

    if networks < 2:
        return " (alone it decides nothing)" if networks else ""
    if networks < FEWEST_SEEDS:
        return " (too few: they decide nothing)"
    return " (few: only a large effect is decided)" if networks == FEWEST_SEEDS else ""
