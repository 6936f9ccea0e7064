"""What a session will cost and what it can see, computed before anything trains."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean

import pytest

from vitwork import profiles
from vitwork.design.deviation import Missing
from vitwork.language.sentence import Sentence
from vitwork.profiles.network_times import network_times
from vitwork.report import words
from vitwork.report.beside import CURVES
from vitwork.session.costs import Basis, durations
from vitwork.session.engine import Engine, Task
from vitwork.session.network_costs import seconds
from vitwork.session.networks import loads
from vitwork.session.plan import Plan, Wanted
from vitwork.session.workload import tasks
from vitwork.store.keys import digest
from vitwork.store.store import Store

FEW = 3
"""Claims that lack something and are named one by one; more are counted by what they lack."""


class NothingRuns:
    """A plugin that ends a session well before its first test, since it only plans."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Stand in for the loop over the tests."""
        return True


def plan_lines(
    plan: Plan, store: Store, workers: int = 1, device: str | None = "auto", *, every: bool = False
) -> list[str]:
    """Return runs, the time they will take, and per claim the smallest effect that would be decided.

    How long a run takes is what `vitwork.session.costs.durations` says. The smallest effect is in standard deviations over
    seeds, at 80 % power, at the level that the first decision of the profile's claims takes. With `every`, what each claim
    lacks is told, and counted by reason otherwise.
    """
    profile = plan.profile
    lines = [
        f"Profile {profile.name}: {profile.summary}.",
        f"The profile itself states: {profile.expected}. What follows is estimated from timings.",
    ]
    networks = _by_network(plan, store) if loads(profile) else []
    return [
        *lines,
        "",
        *_cost(plan, store, workers, device),
        *networks,
        "",
        *_power(plan),
        *_lacking(plan, every=every),
    ]


def _cost(plan: Plan, store: Store, workers: int, device: str | None) -> list[str]:
    if not plan.runs:
        return ["There is nothing to train or to measure."]
    missing, timed = plan.missing(store), durations(plan, store, device)
    arms = dict.fromkeys(run.arm.name for run in plan.runs.values())
    lines = [f"{'arm':24} {'runs':>5} {'missing':>8} {'a run takes':>12}"]
    for arm in arms:
        runs, lacking = (sum(run.arm.name == arm for run in group) for group in (plan.runs.values(), missing))
        lines.append(
            f"{arm:24} {runs:5d} {lacking:8d} {words.duration(timed[arm].seconds) if arm in timed else '–':>12}"
        )
    todo = [timed[run.arm.name] for run in missing if run.arm.name in timed]
    unknown = len(missing) - len(todo)
    if todo:
        total = sum(found.seconds for found in todo) / workers
        lines += [
            "",
            f"{words.plural(len(missing), 'run')} to do: about {words.duration(total)} with {workers} at a time.",
        ]
        lines += [_said(basis, plan.profile.name) for basis in Basis if any(found.basis is basis for found in todo)]
    if unknown:
        lines += [
            "",
            f"{words.plural(unknown, 'run')} of unknown length: none was measured in this store.",
        ]
    return lines


def _by_network(plan: Plan, store: Store) -> list[str]:
    """Return the minutes that each claim takes on a network of its arms: as in this store, or as on one of their families."""
    lines = ["", f"{'claim':36} {'minutes a network':>18}"]
    claims: dict[str, list[Wanted]] = {}
    for test in plan.tests.values():
        if test.lack is None and test.sides:  # an example is checked without networks
            claims.setdefault(test.case.claim.id, []).extend(test.everything.values())
    for claim, wanted in claims.items():
        each = _minutes_a_network(wanted, store)
        lines.append(f"{claim:36} {'unknown' if each is None else f'{each:.2f}':>18}")
    return [*lines, "Claims share measurements, and each is counted with all of its own."]


def _minutes_a_network(wanted: Iterable[Wanted], store: Store) -> float | None:
    """Return the mean minutes on a network; None where a measurement was made on none, nor on any of their families."""
    kinds: dict[str, list[Wanted]] = {}
    for want in wanted:
        kinds.setdefault(digest([want.measurement.name, want.measurement.parameters]), []).append(want)
    each = [_mean_seconds(alike, store) for alike in kinds.values()]
    known = [seconds for seconds in each if seconds is not None]
    return sum(known) / 60 if len(known) == len(each) else None


def _mean_seconds(wanted: Iterable[Wanted], store: Store) -> float | None:
    """Return what one measurement takes on average: as recorded, or where none was made, as on networks like these."""
    group = list(wanted)
    taken = [float(record["seconds"]) for want in group if (record := store.read(want.key))]
    if not taken:
        likely = [seconds(want.run.network, want.run.arm, want.measurement) for want in group if want.run.network]
        taken = [found for found in likely if found is not None]
    return fmean(taken) if taken else None


def _said(basis: Basis, profile: str) -> str:
    """Return where durations come from."""
    if basis is Basis.STORE:
        return "Arms with runs in this store: as long as those took, training and measuring."
    if basis is Basis.REPORT:
        reference = profiles.timings(profile)
        assert reference is not None
        return (
            f"Arms without runs in this store: as long as on {reference.machine}, where the published report was made; "
            "this machine may differ."
        )
    if basis is Basis.FAMILY:
        return (
            f"Arms without runs in this store: as a network of each family took at random weights, {network_times().machine}; scaled by what is "
            "measured and by each network’s operations. This machine may differ, and a GPU takes a small part of it."
        )
    return "Arms never timed: training alone, by one step on this machine and each network’s operations; measuring comes on top."


def _power(plan: Plan) -> list[str]:
    from vitwork.statistics import detectable

    asked: dict[str, list[Sentence]] = {}
    for test in plan.tests.values():
        if test.case.sentences and test.lack is None:
            asked.setdefault(test.case.claim.id, []).extend(test.case.sentences)
    profile, hypotheses = plan.profile, sum(map(len, asked.values()))
    if not hypotheses:
        return ["There is no hypothesis to decide."]
    level = profile.alpha / max(1, plan.family)
    seeds = max(
        (plan.fewest(sentence) for sentences in asked.values() for sentence in sentences), default=profile.seeds
    )
    primaries = {claim: [one for one in sentences if not one.control] for claim, sentences in asked.items()}
    smallest = {
        claim: max(sentence.smallest(plan.fewest(sentence), level) for sentence in deciding)
        for claim, deciding in primaries.items()
        if deciding
    }
    each = (
        f"{words.plural(seeds, 'network')} per arm at most"
        if loads(profile)
        else f"{words.plural(seeds, 'seed')} per arm"
    )
    if all(map(math.isinf, smallest.values())):
        return [
            f"{each}: nothing can be decided, since a test needs at least two of each.",
            *_beside(plan, primaries),
        ]
    of_arms = (least for claim, least in smallest.items() if any(map(_compares_arms, primaries[claim])))
    first = min(of_arms, default=detectable(profile.seeds, level))
    lines = [
        f"{words.plural(hypotheses, 'hypothesis')}, {each}, false discovery rate {profile.alpha:g} over {words.plural(plan.family, 'claim')}:",
        f"two arms must differ by {first:.1f} standard deviations over seeds for the first decision, that of the easiest claim; by claim:",
    ]
    return lines + [
        f"  {claim:32} {f'{least:.1f}' if math.isfinite(least) else '–':>6}  ({words.plural(len(asked[claim]), 'hypothesis')})"
        for claim, least in smallest.items()
    ]


def _beside(plan: Plan, claims: Iterable[str]) -> list[str]:
    """Return which of the paper's numbers and curves are set beside those of networks that stand alone."""
    if not loads(plan.profile):
        return []
    stated = {test.case.claim.id for test in plan.tests.values() if test.case.claim.paper.effect is not None}
    found = [*(claim for claim in claims if claim in stated), *(f"the curves of {name}" for name in _curves(plan))]
    return [f"What is measured is set beside the paper's numbers of {', '.join(found)}."] if found else []


def _curves(plan: Plan) -> list[str]:
    """Return the measurements of which the paper has curves of the same arms and images."""
    wanted = {(want.run.arm.data.source, want.measurement.name, want.run.arm.name) for want in plan.wanted.values()}
    return sorted({name for source, name, arm in wanted if arm in CURVES.get(source, {}).get(name, ({},))[0]})


def _compares_arms(sentence: Sentence) -> bool:
    return len({side.arm for side in sentence.references}) > 1


def _lacking(plan: Plan, *, every: bool) -> list[str]:
    """Return what claims lack that are not measured, each once with each reason, or their number by the first reason."""
    lacks: dict[str, dict[str, Missing]] = {}
    for test in plan.tests.values():
        if test.lack is not None and not test.case.qualifies:
            lacks.setdefault(test.case.claim.id, {})[words.lack(test.lack)] = test.lack.missing
    if every or len(lacks) <= FEW:
        return [f"  {claim}: not measured, {'; '.join(reasons)}" for claim, reasons in lacks.items()]
    return [
        *words.lacking(next(iter(reasons.values())) for reasons in lacks.values()),
        "With -v, each is named with what it lacks.",
    ]


def task_lines(plan: Plan, store: Store, engine: Engine) -> list[str]:
    """Return what an engine would be handed: tasks of the same arm in one line, longest first, their resources and hours."""
    found = tasks(plan, store, plan.missing(store), together=engine.together)
    groups: dict[str, list[Task]] = {}
    for task in found:
        groups.setdefault(task.runs[0].arm.name, []).append(task)
    lines = ["", f"{engine.name}: {words.plural(len(found), 'task')}, each with {engine.resources}", ""]
    lines += [f"{'arm':24} {'tasks':>5} {'seeds each':>10} {'measurements':>12} {'hours each':>10}"]
    for arm, group in groups.items():
        hours = "unknown" if group[0].hours is None else f"{group[0].hours:.2f}"
        counts = (len(group), len(group[0].runs), sum(len(task.wanted) for task in group))
        lines.append(f"{arm:24} {counts[0]:5d} {counts[1]:10d} {counts[2]:12d} {hours:>10}")
    known = [task.hours for task in found if task.hours is not None]
    total = (
        f"{sum(known):.2f} hours in all"
        if len(known) == len(found)
        else "hours of some arms unknown: none was timed yet"
    )
    return [*lines, "", f"{total}."]
