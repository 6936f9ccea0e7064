"""Seeds on demand: work, judge, and add seeds to what is undecided, until all is settled or the budget is spent."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from vitwork.session.findings import Judgement
from vitwork.session.judge import judged
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.statistics.effect import Verdict
from vitwork.store.store import write_atomically


@dataclass(frozen=True, slots=True)
class Budget:
    """What a session may spend on seeds.

    Attributes:
        seeds: largest number of seeds per arm.
        minutes: no further round starts once this time has passed; None for no limit.
    """

    seeds: int
    minutes: float | None = None


def settle(plan: Plan, worker: Worker, budget: Budget | None, rounds: Path) -> Judgement:
    """Bring a plan into the store and judge it; with a budget, add seeds while a verdict is open.

    All workers of a session go through the same rounds: what they know is in the store, and whether time is left is
    decided once per round by whoever asks first.

    Args:
        plan: holds the session's tests.
        worker: this process.
        budget: None for the profile's fixed number of seeds.
        rounds: folder in which the session's workers agree.
    """
    started, number = time.monotonic(), 0
    plan.check(worker.store)
    while True:
        worker.drain(plan)
        worker.troubles.refresh()
        found = judged(plan, worker.store, worker.troubles, sequential=budget is not None)
        if budget is None:
            return found
        open_ones = {finding.test for finding in found.findings if finding.verdict is Verdict.INCONCLUSIVE}
        growing = [test for test in plan.tests.values() if test.case.name in open_ones and test.seeds < budget.seeds]
        late = budget.minutes is not None and time.monotonic() - started > 60 * budget.minutes
        if not growing or agreed(rounds / str(number), stop=late):
            return found
        for test in growing:
            plan.add(test.case, test.seeds + 1)
        number += 1


def agreed(path: Path, *, stop: bool) -> bool:
    """Return the answer of the first process that asked; this one's if it is the first."""
    own = path.with_name(f"{path.name}-{os.getpid()}")
    write_atomically(own, b"stop" if stop else b"go on")
    try:
        os.link(own, path)  # fails when there is one already, and never leaves half a file
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return path.read_bytes() == b"stop"
