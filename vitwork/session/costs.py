"""Estimates how long a run of each arm takes: from this store, a published report, a similar network, or a timed step.

Imports torch only if a step has to be timed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean

from vitwork import profiles
from vitwork.data import fingerprint
from vitwork.data.drawn import SIZE
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.facts.forecast import Basis
from vitwork.networks import costs as network_costs
from vitwork.session.plan import Plan, Run, code
from vitwork.session.preflight import SIZES
from vitwork.store.cache import cache_folder
from vitwork.store.keys import digest
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash
from vitwork.store.store import Store, write_atomically

TRAINING_IMAGES = {"embedded": 2000, "cifar10": 50_000, "cifar100": 50_000, "imagenet": 1_281_167}
"""Training images of whole data sets; the number in a user's folder is unknown until the folder is read."""

MOST_READ = 5
"""Runs of an arm whose records are read to compute its mean time."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds that one run of an arm takes, and the source of that number."""

    seconds: float
    basis: Basis


def total(parts: Iterable[float | None]) -> float | None:
    """Return the sum; None if a part is unknown."""
    found = list(parts)
    known = [part for part in found if part is not None]
    return sum(known) if len(known) == len(found) else None


def fingerprints(specs: Iterable[DataSpec], data: Path | None) -> dict[DataSpec, str]:
    """Return the fingerprints of data sets, empty if unknown; public ones are known without having the images."""
    from vitwork.data.sources.download import PUBLISHED

    return {
        spec: fingerprint(spec, data) if spec.source == "embedded" or data else PUBLISHED.get(spec.source, "")
        for spec in specs
    }


def durations(plan: Plan, store: Store, device: str | None = "auto") -> dict[str, Duration]:
    """Return how long a run of each planned arm takes; arms whose images are unknown are left out.

    Args:
        plan: names the arms.
        store: holds earlier runs.
        device: the device on which a step is timed for arms without any earlier time. None if other machines train: a
            step here says nothing about them, so these arms are left out too.
    """
    arms = {run.arm.name: run.arm for run in plan.runs.values()}
    timed = {name: Duration(seconds, Basis.STORE) for name, seconds in recorded(plan, store).items()}
    reference = profiles.timings(plan.profile.name)
    own = profiles.PROFILES.get(plan.profile.name)
    for name, arm in arms.items():
        unchanged = own is not None and own.arms.get(name) == arm
        if name not in timed and reference is not None and unchanged and name in reference.seconds:
            timed[name] = Duration(reference.seconds[name], Basis.REPORT)
    if plan.profile.loaded:  # its networks are not trained
        return _loaded(plan, arms.keys() - timed.keys()) | timed
    if device is None:
        return timed
    return timed | _stepped({name: arm for name, arm in arms.items() if name not in timed}, device)


def _loaded(plan: Plan, arms: Collection[str]) -> dict[str, Duration]:
    """Return the mean seconds of measuring a published network, for arms whose measurements all have a known time."""
    found: dict[str, list[float | None]] = {arm: [] for arm in arms}
    for run in plan.runs.values():
        if run.arm.name in found:
            found[run.arm.name].append(_of_network(plan, run))
    sums = {arm: total(costs) for arm, costs in found.items()}
    return {arm: Duration(whole / len(found[arm]), Basis.FAMILY) for arm, whole in sums.items() if whole is not None}


def _of_network(plan: Plan, run: Run) -> float | None:
    """Return the seconds of preparing a published network's images and measuring it; None if a part is unknown."""
    assert run.network is not None
    parts = (network_costs.seconds(run.network, run.arm, want.measurement) for want in plan.measurements(run))
    return total([network_costs.preparing(run.arm), *parts])


def recorded(plan: Plan, store: Store) -> dict[str, float]:
    """Return the mean seconds that training and measuring a run took in this store, for the arms with runs in it."""
    arms: dict[str, list[Run]] = {}
    for run in plan.runs.values():
        arms.setdefault(run.arm.name, []).append(run)
    found = {arm: list(islice(_known(plan, store, runs), MOST_READ)) for arm, runs in arms.items()}
    return {arm: fmean(costs) for arm, costs in found.items() if costs}


def _known(plan: Plan, store: Store, runs: Iterable[Run]) -> Iterator[float]:
    """Yield the seconds of every run whose training and measurements all have a known time."""
    for run in runs:
        if store.has(run.key):
            records = [store.read(key) for key in (run.key, *(want.key for want in plan.measurements(run)))]
            if (whole := total(None if record is None else float(record["seconds"]) for record in records)) is not None:
                yield whole


def _stepped(arms: Mapping[str, Arm], device: str) -> dict[str, Duration]:
    """Return the seconds of trainings, from a timed step of the first arm and the floating-point operations of each."""
    sides = {
        name: arm.data.size or SIZES.get(arm.data.source, SIZE if arm.data.source == "embedded" else 0)
        for name, arm in arms.items()
    }
    images = {name: arm.data.train or TRAINING_IMAGES.get(arm.data.source, 0) for name, arm in arms.items()}
    known = {name: arm for name, arm in arms.items() if sides[name] and images[name]}
    if not known:
        return {}
    from vitwork.training.speed import seconds_per_image

    libraries = versions()
    work = {name: _operations(arm, sides[name], libraries) for name, arm in known.items()}
    first = next(iter(known))
    per_operation = seconds_per_image(known[first], sides[first], place.pick(device), work[first]) / work[first]
    found = {}
    for name, arm in known.items():
        epochs = arm.recipe.epochs + arm.recipe.warmup_epochs
        seconds = work[name] * per_operation * epochs * images[name] * arm.data.fraction
        found[name] = Duration(seconds, Basis.STEP)
    return found


def _operations(arm: Arm, side: int, libraries: Mapping[str, str]) -> int:
    """Return the floating-point operations of a training step on one image of that size, counted once for each network.

    Counting takes up to a second, so counts are kept in the cache folder, keyed by all that they depend on.

    Args:
        arm: gives the network, and whether SAM trains it.
        side: side of the image in pixels.
        libraries: versions of the libraries that networks are built with.
    """
    sources = [source_hash(module) for module in ("vitwork.training.speed", *code(arm))]
    parts = [arm.model, arm.options, bool(arm.recipe.sam), side, sources, libraries]
    kept = cache_folder() / "operations" / digest(parts)
    with suppress(OSError, ValueError):  # no count yet, or a damaged one: it is only a shortcut
        return int(kept.read_bytes())
    from vitwork.training.speed import operations

    counted = operations(arm, side)
    with suppress(VitworkError):  # a full or protected disk costs time, not the plan
        write_atomically(kept, str(counted).encode())
    return counted
