"""Forecasts the cost of a session and the smallest effects that it can detect, before anything trains."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from statistics import fmean

import pytest

from vitwork import profiles
from vitwork.design.deviation import Lack
from vitwork.facts.forecast import ArmTasks, ArmWork, Basis, Forecast, Handed, Power, Work
from vitwork.language.sentence import Sentence
from vitwork.networks.costs import seconds
from vitwork.profiles.network_times import network_times
from vitwork.report import words
from vitwork.report.paper_comparison import CURVES
from vitwork.session.costs import durations, total
from vitwork.session.engine import Engine, Task
from vitwork.session.plan import Plan, Wanted
from vitwork.session.workload import tasks
from vitwork.store.keys import digest
from vitwork.store.store import Store


class NothingRuns:
    """A plugin that ends a session successfully before its first test, because it only plans."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Stand in for the loop over the tests."""
        return True


def plan_lines(
    plan: Plan, store: Store, workers: int = 1, device: str | None = "auto", *, every: bool = False
) -> list[str]:
    """Return the printed lines of a forecast; with `every`, all that each claim lacks is listed."""
    return words.plan.lines(forecast(plan, store, workers, device), every=every)


def forecast(plan: Plan, store: Store, workers: int = 1, device: str | None = "auto") -> Forecast:
    """Return the runs, the time they will take, and for each claim the smallest effect that would be decided.

    Times come from `vitwork.session.costs.durations`. The smallest effect is in standard deviations over seeds, at 80 %
    power, at the level that the first decision of the profile's claims has to reach.
    """
    minutes = _by_network(plan, store) if plan.profile.loaded else {}
    return Forecast(plan.profile, _work(plan, store, workers, device), minutes, _power(plan), _lacks(plan))


def _work(plan: Plan, store: Store, workers: int, device: str | None) -> Work:
    if not plan.runs:
        return Work((), 0.0, workers, 0, {})
    missing, timed = plan.missing(store), durations(plan, store, device)
    planned, lacking = (Counter(run.arm.name for run in group) for group in (plan.runs.values(), missing))
    arms = (
        ArmWork(arm, runs, lacking[arm], timed[arm].seconds if arm in timed else None) for arm, runs in planned.items()
    )
    todo = [timed[run.arm.name] for run in missing if run.arm.name in timed]
    bases = {found.basis: _machine(found.basis, plan.profile.name) for found in todo}
    return Work(tuple(arms), sum(found.seconds for found in todo), workers, len(missing) - len(todo), bases)


def _machine(basis: Basis, profile: str) -> str:
    """Return the machine on which durations were measured; empty if it is this one."""
    if basis is Basis.REPORT:
        reference = profiles.timings(profile)
        assert reference is not None
        return reference.machine
    return network_times().machine if basis is Basis.FAMILY else ""


def _by_network(plan: Plan, store: Store) -> dict[str, float | None]:
    """Return the minutes that each claim takes per network: as in this store, or as on a network of the same family."""
    claims: dict[str, list[Wanted]] = {}
    for test in plan.tests.values():
        if test.lack is None and test.sides:  # an example is checked without networks
            claims.setdefault(test.case.claim.id, []).extend(test.everything.values())
    return {claim: _minutes_a_network(wanted, store) for claim, wanted in claims.items()}


def _minutes_a_network(wanted: Iterable[Wanted], store: Store) -> float | None:
    """Return the mean minutes per network; None if a measurement has no time from these networks or their families."""
    kinds: dict[str, list[Wanted]] = {}
    for want in wanted:
        kinds.setdefault(digest([want.measurement.name, want.measurement.parameters]), []).append(want)
    whole = total(_mean_seconds(alike, store) for alike in kinds.values())
    return None if whole is None else whole / 60


def _mean_seconds(wanted: Iterable[Wanted], store: Store) -> float | None:
    """Return the mean seconds of one measurement: as recorded, or, if there is no record, as on similar networks."""
    group = list(wanted)
    taken = [float(record["seconds"]) for want in group if (record := store.read(want.key))]
    if not taken:
        likely = [seconds(want.run.network, want.run.arm, want.measurement) for want in group if want.run.network]
        taken = [found for found in likely if found is not None]
    return fmean(taken) if taken else None


def _power(plan: Plan) -> Power:
    from vitwork.statistics import detectable

    asked: dict[str, list[Sentence]] = {}
    for test in plan.tests.values():
        if test.case.sentences and test.lack is None:
            asked.setdefault(test.case.claim.id, []).extend(test.case.sentences)
    if not asked:
        return Power({}, {}, math.inf, plan.profile.seeds, plan.family)
    profile, family = plan.profile, plan.family
    level = profile.alpha / max(1, family)
    primaries = {claim: [one for one in sentences if not one.control] for claim, sentences in asked.items()}
    smallest = {
        claim: max(sentence.smallest(plan.fewest(sentence), level) for sentence in deciding)
        for claim, deciding in primaries.items()
        if deciding
    }
    of_arms = [least for claim, least in smallest.items() if any(map(_compares_arms, primaries[claim]))]
    return Power(
        {claim: len(sentences) for claim, sentences in asked.items()},
        smallest,
        min(of_arms) if of_arms else detectable(profile.seeds, level),
        max((plan.fewest(one) for sentences in asked.values() for one in sentences), default=profile.seeds),
        family,
        *(_beside(plan, primaries) if profile.loaded else ()),
    )


def _beside(plan: Plan, claims: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the claims whose numbers, and the measurements whose curves, are compared with the paper's."""
    stated = {test.case.claim.id for test in plan.tests.values() if test.case.claim.paper.effect is not None}
    return [claim for claim in claims if claim in stated], _curves(plan)


def _curves(plan: Plan) -> list[str]:
    """Return the measurements for which the paper shows curves of the same arms and images."""
    wanted = {(want.run.arm.data.source, want.measurement.name, want.run.arm.name) for want in plan.wanted.values()}
    return sorted({name for source, name, arm in wanted if arm in CURVES.get(source, {}).get(name, ({},))[0]})


def _compares_arms(sentence: Sentence) -> bool:
    return len({side.arm for side in sentence.references}) > 1


def _lacks(plan: Plan) -> dict[str, list[Lack]]:
    """Return what the claims that are not measured lack, by claim."""
    lacks: dict[str, list[Lack]] = {}
    for test in plan.tests.values():
        if test.lack is not None and not test.case.qualifies:
            lacks.setdefault(test.case.claim.id, []).append(test.lack)
    return lacks


def task_lines(plan: Plan, store: Store, engine: Engine) -> list[str]:
    """Return the printed lines of `handed`."""
    return words.plan.handed(handed(plan, store, engine))


def handed(plan: Plan, store: Store, engine: Engine) -> Handed:
    """Return what an engine would get: tasks by arm, longest first, with their resources and hours."""
    found = tasks(plan, store, plan.missing(store), together=engine.together)
    groups: dict[str, list[Task]] = {}
    for task in found:
        groups.setdefault(task.runs[0].arm.name, []).append(task)
    arms = [
        ArmTasks(arm, len(group), len(group[0].runs), sum(len(task.wanted) for task in group), group[0].hours)
        for arm, group in groups.items()
    ]
    return Handed(engine.name, str(engine.resources), arms, total(task.hours for task in found))
