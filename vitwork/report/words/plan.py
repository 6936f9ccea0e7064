"""What is said of a session before anything trains: its costs, what it can see, what claims lack, what an engine is handed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vitwork.design.deviation import Lack
from vitwork.facts.forecast import Basis, Forecast, Handed, Power, Work
from vitwork.report.words.numbers import duration, plural
from vitwork.report.words.sentences import lack, lacking

FEW = 3
"""Claims that lack something and are named one by one; more are counted by what they lack."""
BASES = {
    Basis.STORE: "Arms with runs in this store: as long as those took, training and measuring.",
    Basis.REPORT: "Arms without runs in this store: as long as on {}, where the published report was made; this machine may differ.",
    Basis.FAMILY: "Arms without runs in this store: as a network of each family took at random weights, {}; scaled by what is "
    "measured and by each network’s operations. This machine may differ, and a GPU takes a small part of it.",
    Basis.STEP: "Arms never timed: training alone, by one step on this machine and each network’s operations; measuring comes on top.",
}
"""Where durations come from, with the place of the machine that they were measured on."""


def lines(found: Forecast, *, every: bool) -> list[str]:
    """Return what a session will cost and what it can see; with `every`, each claim that lacks something with all that it lacks."""
    profile = found.profile
    return [
        f"Profile {profile.name}: {profile.summary}.",
        f"The profile itself states: {profile.expected}. What follows is estimated from timings.",
        "",
        *_work(found.work),
        *(_minutes(found.minutes) if found.profile.loaded else []),
        "",
        *_power(found.power, profile.alpha, "network" if found.profile.loaded else "seed"),
        *_lacking(found.lacks, every=every),
    ]


def _work(found: Work) -> list[str]:
    if not found.arms:
        return ["There is nothing to train or to measure."]
    wide = max(len(arm.arm) for arm in found.arms)
    said = [f"{'arm':{wide}} {'runs':>5} {'missing':>8} {'a run takes':>12}"]
    said += [f"{arm.arm:{wide}} {arm.runs:5d} {arm.missing:8d} {duration(arm.seconds):>12}" for arm in found.arms]
    if found.missing > found.unknown:
        about = f"about {duration(found.seconds / found.at_once)} with {found.at_once} at a time"
        said += ["", f"{plural(found.missing, 'run')} to do: {about}."]
        said += [text.format(found.bases[basis]) for basis, text in BASES.items() if basis in found.bases]
    if found.unknown:
        said += ["", f"{plural(found.unknown, 'run')} of unknown length: none was measured in this store."]
    return said


def _minutes(found: Mapping[str, float | None]) -> list[str]:
    wide = max(map(len, ("claim", *found)))
    said = ["", f"{'claim':{wide}} {'minutes a network':>18}"]
    said += [f"{claim:{wide}} {'unknown' if each is None else f'{each:.2f}':>18}" for claim, each in found.items()]
    return [*said, "Claims share measurements, and each is counted with all of its own."]


def _power(found: Power, alpha: float, unit: str) -> list[str]:
    from vitwork.statistics.power import FEWEST_SEEDS  # with NumPy

    if not found.hypotheses:
        return ["There is no hypothesis to decide."]
    each = f"{plural(found.most, unit)} per arm{' at most' if unit == 'network' else ''}"
    if all(map(math.isinf, found.smallest.values())):
        return [f"{each}: nothing can be decided, since a test needs at least {FEWEST_SEEDS} of each.", *_beside(found)]
    total, family = sum(found.hypotheses.values()), plural(found.family, "claim")
    said = [
        f"{plural(total, 'hypothesis')}, {each}, false discovery rate {alpha:g} over {family}:",
        f"smallest effect that would be decided, in standard deviations over seeds: {found.first:.1f} between two arms; by claim:",
    ]
    wide = max(map(len, found.smallest), default=0)
    return said + [
        f"  {claim:{wide}} {f'{least:.1f}' if math.isfinite(least) else '–':>6}  ({plural(found.hypotheses[claim], 'hypothesis')})"
        for claim, least in found.smallest.items()
    ]


def _beside(found: Power) -> list[str]:
    """Return which of the paper's numbers and curves are set beside those of networks that stand alone."""
    named = [*found.beside, *(f"the curves of {name}" for name in found.curves)]
    return [f"What is measured is set beside the paper's numbers of {', '.join(named)}."] if named else []


def _lacking(found: Mapping[str, Sequence[Lack]], *, every: bool) -> list[str]:
    """Return what claims lack that are not measured, each once with each reason, or their number by the first reason."""
    if every or len(found) <= FEW:
        return [
            f"  {claim}: not measured, {'; '.join(dict.fromkeys(map(lack, lacks)))}" for claim, lacks in found.items()
        ]
    return [*lacking(lacks[0].missing for lacks in found.values()), "With -v, each is named with what it lacks."]


def handed(found: Handed) -> list[str]:
    """Return what an engine is handed: the tasks of each arm in a line, their resources and hours."""
    total = sum(arm.tasks for arm in found.arms)
    said = ["", f"{found.engine}: {plural(total, 'task')}, each with {found.resources}", ""]
    said += [f"{'arm':24} {'tasks':>5} {'seeds each':>10} {'measurements':>12} {'hours each':>10}"]
    for arm in found.arms:
        hours = "unknown" if arm.hours is None else f"{arm.hours:.2f}"
        said.append(f"{arm.arm:24} {arm.tasks:5d} {arm.seeds:10d} {arm.measurements:12d} {hours:>10}")
    known = (
        "hours of some arms unknown: none was timed yet" if found.hours is None else f"{found.hours:.2f} hours in all"
    )
    return [*said, "", f"{known}."]
