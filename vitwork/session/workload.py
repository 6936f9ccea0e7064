"""Makes the tasks that an engine gets: runs of one arm, longest first, by the time that such runs took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from vitwork.session.costs import recorded
from vitwork.session.engine import Task
from vitwork.session.plan import Plan, Run
from vitwork.store.store import Store


def tasks(plan: Plan, store: Store, runs: Iterable[Run], *, together: bool) -> list[Task]:
    """Return the tasks of runs, longest first.

    The length of a run that was never timed is estimated from the number of images in its training, at the pace of
    timed arms. Such a run has a place in the order, but its hours are not shown.

    Args:
        plan: holds the runs.
        store: holds the times of earlier runs.
        runs: the runs to carry out.
        together: whether all runs of an arm make one task; otherwise each run is a task, and all arms grow together.
    """
    groups: dict[object, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.arm.name if together else run.key, []).append(run)
    known = recorded(plan, store)
    length = _length(list(groups.values()), known)
    ordered = sorted(groups.values(), key=lambda group: (0 if together else group[0].seed, -length(group)))
    return [_task(plan, group, known.get(group[0].arm.name)) for group in ordered]


def _task(plan: Plan, group: Sequence[Run], each: float | None) -> Task:
    wanted = tuple(want for run in group for want in plan.measurements(run))
    return Task(tuple(group), wanted, None if each is None else each * len(group) / 3600)


def _length(groups: Sequence[Sequence[Run]], known: Mapping[str, float]) -> Callable[[Sequence[Run]], float]:
    def images(run: Run) -> float:
        return float(run.arm.recipe.epochs * (run.arm.data.train or 1))

    firsts = [group[0] for group in groups]
    paces = [cost / images(run) for run in firsts if (cost := known.get(run.arm.name)) is not None]
    pace = fmean(paces) if paces else 1.0

    def length(group: Sequence[Run]) -> float:
        cost = known.get(group[0].arm.name)
        return len(group) * (pace * images(group[0]) if cost is None else cost)

    return length
