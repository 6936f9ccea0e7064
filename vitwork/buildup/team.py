"""Several processes that train the missing runs of a plan side by side, through a shared store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

from vitwork.design.deviation import Lack
from vitwork.errors import VitworkError
from vitwork.report import words
from vitwork.session.plan import Plan
from vitwork.session.worker import Worker
from vitwork.store.store import Store


@dataclass(frozen=True, slots=True)
class Team:
    """A number of workers; a single worker runs in this process.

    Attributes:
        store: receives the runs.
        data: folder of the images, or None.
        device: ``auto``, ``cpu`` or a torch device.
        size: number of workers.
        pool: the processes of a team of several.
    """

    store: Store
    data: Path | None = None
    device: str = "auto"
    size: int = 1
    pool: Executor | None = None

    def drain(self, plan: Plan) -> None:
        """Train every run of the plan that the store lacks.

        Raises:
            VitworkError: a run failed; a training that diverged is not a failure.
        """
        workers = [
            Worker(self.store, self.data, f"gw{index}", index, self.size, self.device) for index in range(self.size)
        ]
        if self.pool is None:
            faults = _drained(workers[0], plan)
        else:  # each call takes runs until none is left, so one call per process keeps all of them busy
            under_way = [self.pool.submit(_drained, worker, plan) for worker in workers]
            faults = [fault for one in under_way for fault in one.result()]
        if faults:
            raise VitworkError(words.lack(faults[0]))


@contextmanager
def team(store: Store, data: Path | None, device: str, size: int) -> Iterator[Team]:
    """Start a number of workers, which end with the `with` block, or with this process."""
    if size == 1:
        yield Team(store, data, device)
        return
    with ProcessPoolExecutor(size, get_context("spawn"), _end_with_parent) as pool:
        yield Team(store, data, device, size, pool)


def _end_with_parent() -> None:
    """End this process when its parent has ended, because a killed parent cannot end its workers.

    Work in progress is lost, as with any kill; the store holds only complete results.
    """

    def watch() -> None:
        if (parent := parent_process()) is not None:
            wait([parent.sentinel])
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _drained(worker: Worker, plan: Plan) -> list[Lack]:
    """Work as one member of a team, and return what failed."""
    worker.drain(plan)
    return worker.troubles.faults
