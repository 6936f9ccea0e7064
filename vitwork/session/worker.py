"""A worker of a session: takes the next free run until the plan is done. Imports torch only to work."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitwork.design.deviation import Lack
from vitwork.device import place
from vitwork.errors import VitworkError
from vitwork.session.bookings import Bookings, booked
from vitwork.session.dispatch import Dispatcher
from vitwork.session.engine import Choice, Resources, State, Task
from vitwork.session.jobs import waiting_for, worked_on
from vitwork.session.other_machines import OtherMachines
from vitwork.session.plan import Plan
from vitwork.session.progress import Reporter
from vitwork.session.tasks import Tasks
from vitwork.session.troubles import Troubles
from vitwork.store.store import Store

if TYPE_CHECKING:
    from vitwork.training.together import Way


def place_among(name: str) -> int:
    """Return a worker's place among all workers from its name, which is xdist's (``gw3``) or one that a user chose."""
    number = name.removeprefix("gw")
    return int(number) if number.isdecimal() else zlib.crc32(name.encode())


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that works on a plan.

    Attributes:
        store: receives the results.
        data: folder of the images, or None.
        name, index, count: this worker's name, its place, and the number of workers.
        device: ``auto``, ``cpu`` or a torch device.
        way: how seeds of an arm are trained; None for the fastest.
        events: folder of TensorBoard event files, or None for none.
        troubles: receives the reasons for what could not be done.
        engine: carries out the work.
        say: prints a line; None prints nothing.
        planned: how many runs the session plans.
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
    engine: Choice = field(default_factory=Choice)
    say: Callable[[str], object] | None = None
    planned: int = 0

    @property
    def tasks(self) -> Tasks:
        """The `Tasks` that this worker uses to train and measure runs, on its share of the machine."""
        return Tasks(
            self.store, self.troubles, self.data, place.pick(self.device, self.index),
            place.sharing(self.device, self.index, self.count), self.events,
        )  # fmt: skip

    def drain(self, plan: Plan, until: float = math.inf) -> None:
        """Work until every run of the plan is trained and measured, here or elsewhere; begin no run after `until`.

        Raises:
            VitworkError: the engine cannot be used.
        """
        engine = self.engine.make(replace(self, planned=len(plan.runs)))
        Dispatcher(engine, self.store, self.troubles, self.say).drain(plan, until)


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was carried out when it was handed over; the worker itself noted what failed."""

    id: str

    def done(self) -> bool:
        """Return True."""
        return True

    def result(self) -> dict[str, Lack]:
        """Return no failures, because the worker has already noted them."""
        return {}


@dataclass(slots=True)
class Local:
    """The engine of one machine: each process of a session takes tasks that no other has leased, one at a time.

    Attributes:
        worker: this process.
        reporter, other_machines: created when there is something to do.
        waited: runs of other sessions that a printed line has named.
    """

    worker: Worker
    name: str = "local"
    remote: bool = False
    lasting: bool = False
    together: bool = False  # decided later, when the images are there
    resources: Resources = field(default_factory=Resources)
    reporter: Reporter | None = None
    other_machines: OtherMachines | None = None
    waited: set[str] = field(default_factory=set)

    def submit(self, tasks: Sequence[Task]) -> list[tuple[Task, Done]]:
        """Carry out the first task that nobody else works on.

        If the seeds of an arm are trained together, all free ones are, and then they are measured one by one.
        """
        reporter = self._begin()
        doing = self.worker.tasks
        with ExitStack() as leases:
            taken = self._lease(doing, self._unbooked(tasks), leases)
            runs = [run for task in taken for run in task.runs]
            if not runs:
                return []
            named = Task(tuple(runs))
            stage = reporter.stage(named.name, lambda: reporter.total - len(tasks))
            if len(runs) > 1:
                doing.train_together(runs, stage, self.worker.way)
            for task in taken:  # which trains what could not be trained together
                stage = reporter.stage(task.name, lambda: reporter.total - len(tasks))
                doing.complete(task.runs[0], task.wanted, stage)
        return [(named, Done(self.worker.name))]

    def _begin(self) -> Reporter:
        """Prepare this process for work, once."""
        if self.reporter is None:
            from vitwork.training.numerics import keep_memory

            self.worker.store.sweep()
            keep_memory()
            place.share_threads(self.worker.count)
            self.reporter = Reporter(self.worker.store, self.worker.name, self.worker.planned)
            self.other_machines = OtherMachines(self.worker.store.root)
        if self.other_machines is not None:
            self.other_machines.look()
        return self.reporter

    def _unbooked(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Return the tasks that no other session has handed to an engine; name such jobs once."""
        store = self.worker.store
        if not (found := booked(store.root)):
            return tasks
        alive = worked_on(Bookings(store.root, self.name, lasting=False), found, store)
        busy = {booking.key for booking in alive}
        if alive and self.worker.say is not None and not busy <= self.waited:
            self.worker.say(waiting_for(alive))
        self.waited |= busy
        return [task for task in tasks if task.runs[0].key not in busy]

    def _lease(self, doing: Tasks, tasks: Sequence[Task], leases: ExitStack) -> list[Task]:
        """Return the first free task and those that are trained together with it, all leased."""
        store, taken = self.worker.store, list[Task]()
        for task in tasks:
            (run,) = task.runs
            joins = not taken or (run.arm == taken[0].runs[0].arm and not store.has(run.key))
            if joins and leases.enter_context(store.lease(run.key)):
                taken.append(task)
                if store.has(run.key) or not doing.trains_together(run, self.worker.way):
                    break
        return taken

    def cancel(self, ids: Collection[str]) -> None:
        """Do nothing: tasks are already done when they are handed over."""

    def describe(self, ids: Collection[str]) -> dict[str, State]:
        """Return the state "ended" for all tasks."""
        return dict.fromkeys(ids, State.ENDED)

    def close(self) -> None:
        """Stop reporting the progress of this process."""
        if self.reporter is not None:
            self.reporter.end()


def local(settings: Mapping[str, str], worker: Worker) -> Local:
    """Return the engine of this machine.

    Raises:
        VitworkError: a setting is given; this engine takes none.
    """
    if settings:
        raise VitworkError(
            f"The engine local has no setting {next(iter(settings))!r}: pytest's -n says how many workers."
        )
    return Local(worker)
