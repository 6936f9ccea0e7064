"""Completes a plan through an engine: hands over the runs that the store lacks, and waits for their results."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from vitwork.design.deviation import Lack, Missing
from vitwork.session.bookings import Booking, Bookings
from vitwork.session.engine import Engine, Future, Task, TaskError
from vitwork.session.jobs import waiting_for, worked_on
from vitwork.session.plan import Plan, Run
from vitwork.session.progress import BEAT_SECONDS, Reporter
from vitwork.session.troubles import Troubles
from vitwork.session.workload import tasks
from vitwork.store.store import Store

POLL_SECONDS = 0.2
LOOK_SECONDS = 5.0
"""Seconds between two checks of what other sessions have added to the store."""
MOST_ATTEMPTS = 3
"""How often a task is handed over before it is given up as lost."""

Handed = tuple[Task, Future]


@dataclass(slots=True)
class Dispatcher:
    """Hands the runs that a plan lacks to an engine.

    Attributes:
        engine: carries the runs out.
        store: receives the results.
        troubles: receives the reasons for what could not be done.
        say: prints a line; None prints nothing.
        pending: tasks that were handed over and have not ended.
        attempts: how often each run's task was lost.
        lost: reasons why tasks were lost, by run.
        waited: runs of other sessions that a printed line has named.
    """

    engine: Engine
    store: Store
    troubles: Troubles
    say: Callable[[str], object] | None = None
    pending: list[Handed] = field(default_factory=list)
    attempts: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    waited: set[str] = field(default_factory=set)
    bookings: Bookings = field(init=False)

    def __post_init__(self) -> None:
        self.bookings = Bookings(self.store.root, self.engine.name, lasting=self.engine.lasting)

    def drain(self, plan: Plan, until: float = math.inf) -> None:
        """Work until every run of the plan is trained and measured, or known to be impossible.

        If the session is interrupted, tasks are cancelled unless the engine's tasks outlive the session.

        Args:
            plan: holds the runs.
            until: time by `time.monotonic` after which no run is begun; runs under way are waited for.

        Raises:
            VitworkError: the engine or the store cannot be used.
        """
        if not (waiting := self._waiting(plan)):
            return
        reporter = None  # the local engine has its own, which shows more
        if self.engine.remote:
            reporter = Reporter(self.store, self.engine.name, len(plan.runs))
        try:
            self._work(plan, waiting, reporter, until)
        except BaseException:
            self._leave()
            raise
        finally:
            self.engine.close()
            if reporter is not None:
                reporter.end()

    def _leave(self) -> None:
        """Cancel the tasks that end with the session, and say that the others go on."""
        if not self.pending:
            return
        if not self.engine.lasting:
            self.engine.cancel([future.id for _, future in self.pending])
            self.bookings.drop(_keys(self.pending))
        elif self.say is not None:
            self.say(
                f"{len(self.pending)} jobs go on: `vitwork status` shows them, and the next session takes what they leave."
            )

    def _work(self, plan: Plan, waiting: list[Run], reporter: Reporter | None, until: float) -> None:
        looked = beat = time.monotonic()
        started = fresh = True
        while waiting or self.pending:
            late = time.monotonic() > until
            if fresh:
                started = self._submit(plan, [run for run in waiting if not late or self.store.has(run.key)])
            ended = self._collect()
            now = time.monotonic()
            fresh = started or bool(ended) or not self.engine.remote or now - looked > LOOK_SECONDS
            if fresh:
                waiting, looked = self._waiting(plan, late=late), now
                self._count(ended, {run.key for run in waiting})
                waiting = [run for run in waiting if run.key not in self.troubles.known]
            if reporter is not None and fresh:
                reporter.report("tasks", f"{len(self.pending)} handed over", len(plan.runs) - len(waiting))
            if now - beat > BEAT_SECONDS:
                self.bookings.beat(_keys(self.pending))
                beat = now
            if not (started or ended):
                time.sleep(POLL_SECONDS)
            started = False

    def submit(self, plan: Plan) -> Sequence[Handed]:
        """Hand over what is missing without waiting; return the tasks that were handed over."""
        self._submit(plan, self._waiting(plan))
        return self.pending

    def _waiting(self, plan: Plan, *, late: bool = False) -> list[Run]:
        """Return the runs that are missing; if it is late, only those that are trained or that somebody works on."""
        self.troubles.refresh()
        missing = plan.missing(self.store, self.troubles.known)
        return [run for run in missing if not late or self.store.has(run.key) or self._worked_on(run.key)]

    def _submit(self, plan: Plan, waiting: Sequence[Run]) -> bool:
        """Hand over the runs that nobody works on; return whether the engine took any."""
        busy = set(_keys(self.pending))
        free = [run for run in waiting if run.key not in busy]
        if self.engine.remote:
            free = self._book(free)
        if not free:
            return False
        taken: Sequence[Handed] = ()
        try:
            taken = self.engine.submit(tasks(plan, self.store, free, together=self.engine.together))
        finally:
            if self.engine.remote:
                handed = set(_keys(taken))
                self.bookings.drop([run.key for run in free if run.key not in handed])
        if self.engine.remote:
            for task, future in taken:
                for key in task.keys:
                    self.bookings.tell(key, future.id)
        self.pending += taken
        return bool(taken)

    def _book(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that this session may hand over; name jobs of others once, and drop abandoned bookings."""
        mine: list[Run] = []
        others: list[Booking] = []
        for run in runs:
            if self._worked_on(run.key):
                continue
            if self.bookings.take(run.key, f"{run.arm.name} seed {run.seed}"):
                mine.append(run)
            elif (booking := self.bookings.read(run.key)) is not None:
                others.append(booking)
        alive = worked_on(self.bookings, others, self.store)
        self.bookings.drop({booking.key for booking in others} - {booking.key for booking in alive})
        if self.say is not None and not {booking.key for booking in alive} <= self.waited:
            self.say(waiting_for(alive))
            self.waited |= {booking.key for booking in alive}
        return mine

    def _worked_on(self, key: str) -> bool:
        """Return whether a process of this machine has leased a run."""
        if not (self.store.root / "leases" / f"{key}.lock").exists():
            return False
        with self.store.lease(key) as free:
            return not free

    def _collect(self) -> list[Task]:
        """Take the results of tasks that have ended, and return these tasks."""
        ended = [(task, future) for task, future in self.pending if future.done()]
        for task, future in ended:
            try:
                for key, lack in future.result().items():
                    self.troubles.add(key, lack)
            except TaskError as error:
                self.lost.update(dict.fromkeys(task.keys, str(error)))
        gone = {future.id for _, future in ended}
        self.pending = [(task, future) for task, future in self.pending if future.id not in gone]
        if self.engine.remote:
            self.bookings.drop(_keys(ended))
        return [task for task, _ in ended]

    def _count(self, ended: Sequence[Task], waiting: Collection[str]) -> None:
        """Count an attempt for each run that is missing although its task ended; give up after `MOST_ATTEMPTS`."""
        for task in ended if self.engine.remote else ():
            for run in task.runs:
                if run.key not in waiting:
                    continue
                why = self.lost.pop(
                    run.key, f"The task of {run.arm.name} seed {run.seed} ended without a record of it."
                )
                self.attempts[run.key] += 1
                if self.attempts[run.key] >= MOST_ATTEMPTS:
                    self.troubles.add(run.key, Lack(Missing.FAULT, run.arm.name, why))
                elif self.say is not None:
                    self.say(f"{why} It is handed over again.")


def _keys(handed: Sequence[Handed]) -> list[str]:
    return [key for task, _ in handed for key in task.keys]
