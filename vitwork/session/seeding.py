"""Seeds on demand: work, weigh, and add seeds to what is undecided, until all is settled or the budget is spent."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from vitwork.session.judge import Court
from vitwork.session.worker import Worker
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


def settle(court: Court, worker: Worker, budget: Budget | None, session: str) -> None:
    """Bring the court's plan into the store and weigh it; with a budget, add seeds while a verdict is open.

    All workers of a session go through the same rounds: what they know is in the store, and whether time is left is
    decided once per round by whoever asks first.

    Args:
        court: has heard its cases.
        worker: this process.
        budget: None for the profile's fixed number of seeds.
        session: name that the session's workers share.
    """
    started, rounds = time.monotonic(), 0
    court.plan.check(worker.store)
    while True:
        worker.drain(court.plan)
        court.weigh(worker.failures, worker.unfit)
        growing = [case for case in court.open() if budget is not None and case.seeds < budget.seeds]
        if budget is None or not growing:
            return
        late = budget.minutes is not None and time.monotonic() - started > 60 * budget.minutes
        if agreed(worker.store.root / "rounds" / session / str(rounds), stop=late):
            return
        court.extend(growing)
        rounds += 1


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
