"""Bring a plan into the store: whoever is idle takes the next run that nobody works on. Imports torch only to work."""

from __future__ import annotations

import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vitwork.device import place
from vitwork.session.plan import Plan, Run
from vitwork.session.progress import Reporter
from vitwork.session.tasks import Stage, Tasks
from vitwork.session.troubles import Troubles
from vitwork.store.store import Store

if TYPE_CHECKING:
    from vitwork.training.together import Way

POLL_SECONDS = 0.2


def place_of(name: str) -> int:
    """Return a worker's place among all from its name, ``gw3`` as xdist numbers them or one that a user gave it."""
    number = name.removeprefix("gw")
    return int(number) if number.isdecimal() else zlib.crc32(name.encode())


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that works on a plan.

    Attributes:
        store: where results go.
        data: folder of the images, or None.
        name, index, count: this worker's name and place among how many.
        device: ``auto``, ``cpu`` or a torch device.
        way: how seeds of an arm are trained; None for the fastest.
        events: folder of TensorBoard event files, or None for none.
        troubles: gets what could not be done.
    """

    store: Store
    data: Path | None = None
    name: str = "main"
    index: int = 0
    count: int = 1
    device: str = "auto"
    way: Way | None = None
    events: Path | None = None
    troubles: Troubles = field(default_factory=Troubles)

    @property
    def tasks(self) -> Tasks:
        """What this worker does for a run, on its share of the machine."""
        return Tasks(
            self.store, self.troubles, self.data, place.pick(self.device, self.index),
            place.sharing(self.device, self.index, self.count), self.events,
        )  # fmt: skip

    def drain(self, plan: Plan) -> None:
        """Work until every run of the plan is trained and measured, by this process or another."""
        waiting = self._waiting(plan)
        if not waiting:
            return
        from vitwork.training.numerics import keep_memory

        self.store.sweep()
        keep_memory()
        place.share_threads(self.count)
        tasks, reporter = self.tasks, Reporter(self.store, self.name, len(plan.runs))
        try:
            while waiting:
                took = self._take(plan, tasks, waiting, reporter)
                waiting = self._waiting(plan)
                if not took and waiting:
                    time.sleep(POLL_SECONDS)
        finally:
            reporter.end()

    def _waiting(self, plan: Plan) -> list[Run]:
        self.troubles.refresh()
        return plan.missing(self.store, self.troubles.known)

    def _take(self, plan: Plan, tasks: Tasks, waiting: list[Run], reporter: Reporter) -> bool:
        """Do the first run that nobody else works on; return whether there was one.

        Where the seeds of an arm are trained at once, all that are free are trained; they are measured one by one, by
        whoever takes them next.
        """

        def stage(what: str) -> Stage:
            return reporter.stage(f"{taken[0].arm.name} {what}", lambda: len(plan.runs) - len(waiting))

        with ExitStack() as leases:
            taken = self._lease(tasks, waiting, leases)
            seeds = ", ".join(str(run.seed) for run in taken)
            if len(taken) > 1 and tasks.train_together(taken, stage(f"seeds {seeds}"), self.way):
                return True
            for run in taken:
                tasks.complete(run, plan.measurements(run), stage(f"seed {run.seed}"))
        return bool(taken)

    def _lease(self, tasks: Tasks, waiting: list[Run], leases: ExitStack) -> list[Run]:
        """Return the first run that is free, and with it those that are trained at once with it, all leased."""
        taken: list[Run] = []
        for run in waiting:
            joins = not taken or (run.arm == taken[0].arm and not self.store.has(run.key))
            if joins and leases.enter_context(self.store.lease(run.key)):
                taken.append(run)
                if self.store.has(run.key) or not tasks.trains_together(run, self.way):
                    break
        return taken
