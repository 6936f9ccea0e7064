"""Bring a plan into the store: whoever is idle takes the next run that nobody works on. Imports torch only to work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitwork.design.dataset import DataSpec
from vitwork.device import energy
from vitwork.errors import UnfitError, VitworkError
from vitwork.session.plan import Plan, Run, Wanted
from vitwork.session.progress import Reporter
from vitwork.store.keys import plain
from vitwork.store.store import CorruptFileError, Store

if TYPE_CHECKING:
    from vitwork.data.images import Splits
    from vitwork.training.outcome import Outcome, Progress
    from vitwork.training.tensorboard import EventFiles
    from vitwork.training.together import Way

POLL_SECONDS = 0.2
Stage = Callable[[str], None]


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
        failures: what could not be done, by key of the run or measurement; filled while working.
        unfit: measurements that a network, by its kind, does not allow, likewise.
    """

    store: Store
    data: Path | None = None
    name: str = "main"
    index: int = 0
    count: int = 1
    device: str = "auto"
    way: Way | None = None
    events: Path | None = None
    failures: dict[str, str] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)

    def drain(self, plan: Plan) -> None:
        """Work until every run of the plan is trained and measured, by this process or another."""
        waiting = plan.missing(self.store)
        if not waiting:
            return
        self._settle()
        total = len(plan.runs)
        reporter = Reporter(self.store, self.name, total)
        try:
            while waiting:
                took = self._take(plan, waiting, reporter)
                waiting = plan.missing(self.store, {*self.failures, *self.unfit})
                if not took and waiting:
                    time.sleep(POLL_SECONDS)
        finally:
            reporter.end()

    def _take(self, plan: Plan, waiting: list[Run], reporter: Reporter) -> bool:
        """Do the first run that nobody else works on; return whether there was one.

        Where the seeds of an arm are trained at once, all that are free are trained; they are measured one by one, by
        whoever takes them next.
        """

        def stage(what: str) -> Stage:
            return reporter.stage(f"{taken[0].arm.name} {what}", lambda: len(plan.runs) - len(waiting))

        with ExitStack() as leases:
            taken = self._lease(waiting, leases)
            seeds = ", ".join(str(run.seed) for run in taken)
            if len(taken) > 1 and self._train_together(taken, stage(f"seeds {seeds}")):
                return True
            for run in taken:
                try:
                    self.complete(run, plan.measurements(run), stage(f"seed {run.seed}"))
                except Exception as error:  # noqa: BLE001 - one run's fault must not take the other runs down
                    self.failures[run.key] = _fault(error, run)
        return bool(taken)

    def _lease(self, waiting: list[Run], leases: ExitStack) -> list[Run]:
        """Return the first run that is free, and with it those that are trained at once with it, all leased."""
        taken: list[Run] = []
        for run in waiting:
            joins = not taken or (run.arm == taken[0].arm and not self.store.has(run.key))
            if joins and leases.enter_context(self.store.lease(run.key)):
                taken.append(run)
                if self.store.has(run.key) or not self._trains_together(run):
                    break
        return taken

    def _trains_together(self, run: Run) -> bool:
        if self.way is not None:
            return self.way != "alone"
        import torch

        from vitwork.training.together import pays

        if not pays(torch.device(self.torch_device())):
            return False
        return isinstance(splits(run.arm.data, self.data).train.images, torch.Tensor)  # a stream is read once per seed

    def complete(self, run: Run, wanted: list[Wanted], stage: Stage) -> None:
        """Train `run` unless it is trained, and take the measurements that are missing."""
        record = self.store.read(run.key) or self._train(run, stage)
        try:
            self._measure(run, record, wanted, stage)
        except (CorruptFileError, FileNotFoundError) as damage:
            self.store.set_aside(self.store.run_folder(run.key), damage)
            self._measure(run, self._train(run, stage), wanted, stage)

    def _train(self, run: Run, stage: Stage) -> dict[str, Any]:
        from vitwork.training.train import train

        stage("training")
        folder, started = self.store.run_folder(run.key), self._started(run)
        with self._energy() as used, self.events_of(run, lambda progress: stage(str(progress))) as events:
            outcome = train(
                run.arm,
                run.seed,
                splits(run.arm.data, self.data),
                folder,
                device=self.torch_device(),
                progress=events.progress,
            )
            events.outcome(outcome)
        return self.record(run, outcome, None if started else used.joules)

    def _train_together(self, runs: list[Run], stage: Stage) -> bool:
        """Train seeds of one arm at once; False when that cannot be done, and they are better trained one by one."""
        from vitwork.training.together import train_seeds

        stage("training together")
        started = [self._started(run) for run in runs]
        try:
            with self._energy() as used:
                outcomes = train_seeds(
                    runs[0].arm,
                    [run.seed for run in runs],
                    splits(runs[0].arm.data, self.data),
                    {run.seed: self.store.run_folder(run.key) for run in runs},
                    device=self.torch_device(),
                    progress=lambda progress: stage(str(progress)),
                    way=self.way,
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, training one by one may do, or names the run at fault
            stage(f"not trained together ({type(error).__name__})")
            return False
        for run, resumed in zip(runs, started, strict=True):
            joules = None if resumed or used.joules is None else used.joules / len(runs)
            self.record(run, outcomes[run.seed], joules)
            with self.events_of(run) as events:
                events.outcome(outcomes[run.seed])
        return True

    def _started(self, run: Run) -> bool:
        """Return whether an earlier attempt left something: of a training in parts, only the last part's energy is known."""
        folder = self.store.run_folder(run.key)
        return folder.is_dir() and any(folder.iterdir())

    def record(self, run: Run, outcome: Outcome, joules: float | None = None) -> dict[str, Any]:
        """Store how a run ended, and return the record."""
        record = {"arm": plain(run.arm), "seed": run.seed, "finished": time.time(), "joules": joules, **plain(outcome)}
        self.store.write(run.key, record)
        return record

    def events_of(
        self, run: Run, then: Callable[[Progress], None] | None = None, *, written: bool = True
    ) -> EventFiles:
        """Return the event files of a run, none where they are not asked for or another process writes them."""
        from vitwork.training.tensorboard import EventFiles

        folder = self.events if written else None
        return EventFiles(folder and folder / f"{run.arm.name}-seed-{run.seed}", then)

    def _measure(self, run: Run, record: dict[str, Any], wanted: list[Wanted], stage: Stage) -> None:
        from vitwork.measurements.trained_run import TrainedRun

        folder = self.store.run_folder(run.key)
        trained = TrainedRun(run.arm, run.seed, folder, splits(run.arm.data, self.data), self.torch_device())
        for want in wanted:
            if self.store.read(want.key) is not None:
                continue
            stage(f"measuring {want.measurement.name}")
            started = time.perf_counter()
            try:
                with self._energy() as used:
                    values = want.measurement(trained, **want.parameters) if record["status"] == "finished" else None
            except (CorruptFileError, FileNotFoundError):  # the run's, which is trained anew
                raise
            except UnfitError as why:
                self.unfit[want.key] = str(why)
                continue
            except Exception as error:  # noqa: BLE001 - one measurement's fault must not take the others down
                self.failures[want.key] = _fault(error, run)
                continue
            self.store.write(
                want.key,
                {
                    "run": run.key,
                    "name": want.measurement.name,
                    "parameters": plain(want.parameters),
                    "seconds": time.perf_counter() - started,
                    "joules": used.joules,
                    "values": values,
                },
            )

    def _settle(self) -> None:
        """Divide the processor's threads among the workers: more threads than cores slow everyone down."""
        import torch

        from vitwork.training.numerics import keep_memory

        keep_memory()
        share = cores() // self.count
        torch.set_num_threads(max(1, min(torch.get_num_threads(), share)))  # fewer where OMP_NUM_THREADS says so

    def _energy(self) -> AbstractContextManager[energy.Energy]:
        """Measure what a block uses: this worker's share of its device."""
        device, sharing = self.torch_device(), self.count
        if self.device == "auto" and device != "cpu":
            import torch

            sharing = len(range(self.index % torch.cuda.device_count(), self.count, torch.cuda.device_count()))
        return energy.meter(device, sharing)

    def torch_device(self) -> str:
        """Return this worker's device: the i-th of those that the caller allowed."""
        import torch

        if self.device != "auto":
            return self.device
        devices = torch.cuda.device_count()  # counts within CUDA_VISIBLE_DEVICES, so indices are into the caller's list
        return f"cuda:{self.index % devices}" if devices else "cpu"


def _fault(error: Exception, run: Run) -> str:
    if isinstance(error, VitworkError):
        return str(error)
    return f"{type(error).__name__} in {run.arm.name} seed {run.seed}: {error}"


def cores() -> int:
    """Return the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=2)
def splits(spec: DataSpec, root: Path | None) -> Splits:
    """Return the images, kept in memory for the runs that follow."""
    from vitwork.data import load

    return load(spec, root)
