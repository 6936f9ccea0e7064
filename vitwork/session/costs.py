"""What runs will cost, from what runs of the same arm took in this store; tasks made of them. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from statistics import fmean

from vitwork.session.engine import Task
from vitwork.session.plan import Plan, Run
from vitwork.store.store import Store

MOST_READ = 5
"""Runs of an arm whose records are read for its mean."""


def minutes(plan: Plan, store: Store) -> dict[str, float | None]:
    """Return the mean minutes that training and measuring a run of each arm took in this store; None for unknown."""
    arms: dict[str, list[Run]] = {}
    for run in plan.runs.values():
        arms.setdefault(run.arm.name, []).append(run)
    return {arm: _mean(plan, store, runs) for arm, runs in arms.items()}


def _mean(plan: Plan, store: Store, runs: Iterable[Run]) -> float | None:
    costs = (_seconds(plan, store, run) for run in runs if store.has(run.key))
    found = list(islice((cost for cost in costs if cost is not None), MOST_READ))
    return fmean(found) / 60 if found else None


def _seconds(plan: Plan, store: Store, run: Run) -> float | None:
    """Return what a run and its measurements took; None where not all of it is known."""
    records = [store.read(key) for key in (run.key, *(want.key for want in plan.measurements(run)))]
    known = [float(record["seconds"]) for record in records if record is not None]
    return sum(known) if len(known) == len(records) else None


def tasks(plan: Plan, store: Store, runs: Iterable[Run], *, together: bool) -> list[Task]:
    """Return the tasks of runs, longest first.

    What was never timed counts by the images that its training passes, after the pace of the arms that were; so a run of
    unknown cost has a place in the order, but no hours that are shown.

    Args:
        plan: holds the runs.
        store: knows what runs took.
        runs: what is to be done.
        together: whether all runs of an arm make one task; else each is its own, and all arms grow together.
    """
    groups: dict[object, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.arm.name if together else run.key, []).append(run)
    known = minutes(plan, store)
    length = _length(list(groups.values()), known)
    ordered = sorted(groups.values(), key=lambda group: (0 if together else group[0].seed, -length(group)))
    return [_task(plan, group, known[group[0].arm.name]) for group in ordered]


def _task(plan: Plan, group: Sequence[Run], each: float | None) -> Task:
    wanted = tuple(want for run in group for want in plan.measurements(run))
    return Task(tuple(group), wanted, None if each is None else each * len(group) / 60)


def _length(groups: Sequence[Sequence[Run]], known: dict[str, float | None]) -> Callable[[Sequence[Run]], float]:
    def images(run: Run) -> float:
        return float(run.arm.recipe.epochs * (run.arm.data.train or 1))

    firsts = [group[0] for group in groups]
    paces = [cost / images(run) for run in firsts if (cost := known[run.arm.name]) is not None]
    pace = fmean(paces) if paces else 1.0

    def length(group: Sequence[Run]) -> float:
        cost = known[group[0].arm.name]
        return len(group) * (pace * images(group[0]) if cost is None else cost)

    return length
