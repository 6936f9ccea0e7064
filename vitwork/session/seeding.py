"""Decides how many seeds a session trains: a fixed number, as many as time allows, or until verdicts are settled."""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vitwork.design.deviation import Lack, Missing
from vitwork.session.findings import Judgement
from vitwork.session.judge import judged, unjudged
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.statistics.effect import Verdict
from vitwork.store.store import attempting, write_atomically

FIRST_SEEDS = 3
"""Seeds per arm at the start if their number is not fixed, and added in each round if time limits it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a session may spend on seeds.

    Attributes:
        seeds: largest number of seeds per arm.
        minutes: time after which nothing further is begun; None for no limit.
        settles: whether only undecided tests get further seeds, so that tests must be valid at every look.
    """

    seeds: int
    minutes: float | None = None
    settles: bool = True

    def ends(self) -> float:
        """Return the time by `time.monotonic` after which nothing is begun, for a session that begins now."""
        return math.inf if self.minutes is None else time.monotonic() + 60 * self.minutes


def settle(plan: Plan, worker: Worker, budget: Budget | None, rounds: Path) -> Judgement:
    """Carry a plan out and judge it.

    All workers of a session go through the same rounds. What they know is in the store, and the end of a round is
    decided once, by the first worker that asks.

    Args:
        plan: holds the session's tests, with the number of seeds of the first round.
        worker: this process.
        budget: None for the profile's fixed number of seeds.
        rounds: folder in which the session's workers agree.
    """
    plan.check(worker.store)
    if budget is None:
        return _worked(plan, worker)
    return (_settled if budget.settles else _within_time)(plan, worker, budget, rounds)


def _settled(plan: Plan, worker: Worker, budget: Budget, rounds: Path) -> Judgement:
    """Add a seed to every undecided test until all are decided or the budget is spent."""
    ends, number = budget.ends(), 0
    while True:
        found = _worked(plan, worker, sequential=True)
        open_ones = {finding.test for finding in found.findings if finding.verdict is Verdict.INCONCLUSIVE}
        growing = [test for test in plan.tests.values() if test.case.name in open_ones and test.seeds < budget.seeds]
        if not growing or agreed(rounds / str(number), "stop" if time.monotonic() > ends else "go on") == "stop":
            return found
        for test in growing:
            plan.add(test.case, test.seeds + 1)
        number += 1


def _within_time(plan: Plan, worker: Worker, budget: Budget, rounds: Path) -> Judgement:
    """Add seeds to all arms until there are enough or time is up, and judge the seeds that every arm has.

    The time does not depend on what is measured, so tests are as valid as with a number fixed in advance.
    """
    ends, seeds = budget.ends(), plan.profile.seeds
    while True:
        worker.drain(plan, ends)
        worker.troubles.refresh()
        there = int(agreed(rounds / str(seeds), str(complete(plan, worker, seeds))))
        if there < seeds or seeds == budget.seeds:
            break
        seeds = min(seeds + FIRST_SEEDS, budget.seeds)
        _plan(plan, seeds)
    _plan(plan, there)
    if not there:
        return unjudged(plan, Lack(Missing.REACH))
    return judged(plan, worker.store, worker.troubles)


def _worked(plan: Plan, worker: Worker, *, sequential: bool = False) -> Judgement:
    worker.drain(plan)
    worker.troubles.refresh()
    return judged(plan, worker.store, worker.troubles, sequential=sequential)


def _plan(plan: Plan, seeds: int) -> None:
    """Plan all tests for a number of seeds."""
    plan.profile = replace(plan.profile, seeds=seeds)
    for test in list(plan.tests.values()):
        plan.add(test.case, seeds, test.lack)


def complete(plan: Plan, worker: Worker, seeds: int) -> int:
    """Return how many of the first `seeds` seeds are complete in all arms: measured, or known to be impossible."""
    missing = plan.missing(worker.store, worker.troubles.known)
    return min((run.seed - plan.profile.first_seed for run in missing), default=seeds)


def agreed(path: Path, own: str) -> str:
    """Return the answer of the first process that called this; `own` if this process is the first."""
    mine = path.with_name(f"{path.name}-{os.getpid()}-{threading.get_ident()}")
    write_atomically(mine, own.encode())
    with attempting("agree on", path):
        with suppress(FileExistsError):
            os.link(mine, path)  # fails if the file exists, and never leaves half a file
        mine.unlink()
        return path.read_bytes().decode()
