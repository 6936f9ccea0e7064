"""The command ``vitwork networks``: lists the published networks of each arm, and fetches their weights."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitwork import profiles
from vitwork.arguments import file_or_folder
from vitwork.design.arm import Arm
from vitwork.design.profile import Profile
from vitwork.design.published import Family, Network
from vitwork.errors import DamagedError, VitworkError
from vitwork.networks.selection import (
    check_folder,
    few,
    foreign,
    looked_up,
    members,
    same_networks,
    with_own,
)
from vitwork.networks.selection import given as named
from vitwork.report.terminal import terminal_columns, wrapped

if TYPE_CHECKING:  # importing it for real imports torch
    from vitwork.models.published.loading import Size

MEBIBYTE = 2**20


def networks(arguments: Sequence[str]) -> int:
    """List the published networks behind a profile's arms, and fetch their weights."""
    parser = argparse.ArgumentParser("vitwork networks", description=networks.__doc__)
    parser.add_argument(
        "profile", help=f"one of {', '.join(name for name, found in profiles.PROFILES.items() if found.loaded)}"
    )
    parser.add_argument("--fetch", action="store_true", help="download the weights that are not here, and verify them")
    parser.add_argument("--arms", help="arms to list, separated by commas (default: all of the profile)")
    parser.add_argument(
        "--weights", type=file_or_folder, help="folder of weights, NAME.safetensors each, in place of the hub's cache"
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[ARM=]timm:NAME,NAME…",
        help="networks in place of an arm's, as for pytest claims; without --arms, these arms alone",
    )
    given = parser.parse_args(arguments)
    profile = profiles.find(given.profile)
    if not profile.loaded:
        raise VitworkError(f"The profile {profile.name} trains its networks: it needs no weights.")
    own = named(profile, given.model)
    chosen = list(own or profile.arms)
    if given.arms is not None:
        chosen = list(dict.fromkeys(name.strip() for name in given.arms.split(",")))
    profile.check_arms(chosen)
    if given.fetch and given.weights:
        raise VitworkError("Weights are fetched into the cache of the hub: leave --weights or --fetch out.")
    check_folder(given.weights)
    names = {name: [network.name for network in own[name]] for name in chosen if name in own}
    strange = [f"{text[:1].upper()}{text[1:]}." for text in foreign(profile, names)]
    profile = replace(profile, arms={name: with_own(arm, own.get(name)) for name, arm in profile.arms.items()})
    for name in chosen:
        for line in table(profile, profile.arms[name], given.weights):
            print(line, flush=True)
    for text in strange:
        print(*wrapped(text, terminal_columns()), sep="\n", flush=True)
    wanted = chosen if given.arms is not None else [name for name in chosen if _asked(profile.arms[name])]
    return fetched(profile, wanted) if given.fetch else 0


def _asked(arm: Arm) -> bool:
    """Return whether a claim uses the networks of an arm."""
    return arm.family is None or arm.family.asked


def table(profile: Profile, arm: Arm, weights: Path | None) -> Iterator[str]:
    """Yield the lines of an arm: one for the arm, and one for each network with its properties."""
    if (original := _original(profile, arm)) != arm.name:
        yield f"{arm.name}: the networks of {original}"
        return
    from vitwork.models.published.content import copies

    known = [_known(network, weights) for network in members(arm)]
    found = [network for network, _, _ in known]
    double = copies(found)
    sizes = [_size(network) for network in found]
    yield from wrapped(f"{arm.name}: {_summary(found, sizes, double)}", terminal_columns())
    yield from wrapped(f"  rule: {rule(arm.family)}", terminal_columns()) if arm.family else ()
    if not _asked(arm):
        yield from wrapped(f"  no claim asks for them: --fetch gets them with --arms {arm.name}", terminal_columns())
    others = merged(arm)
    for (network, state, why), size in zip(known, sizes, strict=True):
        licence = network.licence or "not stated"
        yield f"  {network.name:47} {licence:12} {size.bytes / MEBIBYTE:5.0f} MB {state}"
        yield from wrapped(f"    {why}", terminal_columns(), hang=0) if why else ()
        if first := double.get(network.name):
            yield from wrapped(f"    the same weights as {first}, counted once", terminal_columns(), hang=0)
        if others.get(network.name):
            yield from wrapped(f"    counts for {', '.join(others[network.name])} too", terminal_columns(), hang=0)


def rule(family: Family) -> str:
    """Return which of timm's networks belong to a family, in words."""
    tags = f", tag {family.tags}" if family.tags != ".*" else ""
    data = "ImageNet-1k's labels alone" if family.data == "in1k" else "first other data or no labels, then ImageNet-1k"
    distilled = "distilled" if family.distilled else "not distilled"
    return f"architecture {family.architectures}{tags}; {data}; {distilled}; images of {family.largest} pixels at most"


def _known(network: Network, weights: Path | None) -> tuple[Network, str, str]:
    """Return a network as `looked_up` does, whether its weights are here, and a possible reason if not."""
    network, wrong = looked_up(network, weights)
    if isinstance(wrong, DamagedError):
        return network, "damaged", f"{wrong}."
    return (network, "here", "") if wrong is None else (network, "not here", wrong)


def _original(profile: Profile, arm: Arm) -> str:
    """Return the first arm with the same networks."""
    return next(name for name in profile.arms if same_networks(profile, name, arm.name))


def merged(arm: Arm) -> dict[str, tuple[str, ...]]:
    """Return, by the name of a chosen network, the networks that are not independent of it and that it stands for."""
    if arm.family is None:
        return {}
    from vitwork.models.published.membership import groups

    return {group.network.name: group.others for group in groups(arm.family)}


def _summary(found: Sequence[Network], sizes: Sequence[Size], double: Collection[str]) -> str:
    """Return the number of networks, without copies of the same weights, their sizes, and the years of their papers."""
    if not found:
        return "none in the installed timm"
    years = sorted({network.year for network in found if network.year})
    when = f", papers of {_range([str(year) for year in years])} where one is named" if years else ""
    millions = _range([f"{number / 1e6:.1f}" for number in sorted(size.parameters for size in sizes)])
    count = len(found) - len(double)
    return (
        f"{count} independent{few(count)}, {millions} M parameters, "
        f"{sum(size.bytes for size in sizes) / MEBIBYTE:.0f} MB{when}"
    )


def _range(ordered: Sequence[str]) -> str:
    """Return the range of ordered numbers as shown; a single number if both ends are the same."""
    return " to ".join(dict.fromkeys((ordered[0], ordered[-1])))


def _size(network: Network) -> Size:
    from vitwork.models.published.loading import size_of

    return size_of(network)


def fetched(profile: Profile, arms: Sequence[str]) -> int:
    """Fetch missing or damaged weights, verify the others, name those that fail, and return the exit status.

    Once the hub does not answer, no more requests are sent, because each takes half a minute of retries.
    """
    from vitwork.models.published.content import identified
    from vitwork.models.published.weights import fetch

    wanted = {network.name: network for arm in arms for network in members(profile.arms[arm])}
    failed, unasked = 0, 0
    answers = True
    for number, network in enumerate(wanted.values(), start=1):
        here = looked_up(network, None)[1] is None
        if not here and not answers:
            unasked += 1
            continue
        if not here:
            print(f"{number}/{len(wanted)} {network.name} …", flush=True)
        try:
            identified(fetch(network))
        except VitworkError as why:
            print(f"{network.name}: {why}", flush=True)
            failed += 1
            answers = answers and not _unanswered(why)
    if unasked:
        print(f"The hub does not answer, so that it was not asked for {unasked} more.")
    print(f"{len(wanted) - failed - unasked} of {len(wanted)} networks are here, and verified.")
    return int(failed + unasked > 0)


def _unanswered(error: BaseException | None) -> bool:
    """Return whether an error means that the hub cannot be reached; False in offline mode, which costs no time."""
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    while error is not None and not isinstance(error, LocalEntryNotFoundError):
        error = error.__cause__
    return error is not None and not constants.HF_HUB_OFFLINE
