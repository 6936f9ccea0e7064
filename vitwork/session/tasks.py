"""Carries out one run: trains it, alone or with other seeds of its arm, and measures it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.device import energy
from vitwork.errors import UnfitError, VitworkError, said
from vitwork.session.environment import as_found
from vitwork.session.held_out import images_of
from vitwork.session.plan import Run, Wanted
from vitwork.session.troubles import Troubles
from vitwork.store.keys import plain
from vitwork.store.machine import hardware, versions
from vitwork.store.store import SnapshotError, Store

if TYPE_CHECKING:
    from vitwork.data.images import Splits
    from vitwork.measurements.trained_run import TrainedRun
    from vitwork.training.outcome import Outcome, Progress
    from vitwork.training.tensorboard import EventFiles
    from vitwork.training.together import Way

Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tasks:
    """Trains and measures runs, and stores the results.

    Attributes:
        store: receives the results.
        troubles: receives the reasons for what could not be done.
        data: folder of the images, or None.
        device: a torch device.
        sharing: how many processes share the device, among which its energy is divided.
        events: folder of TensorBoard event files, or None for none.
    """

    store: Store
    troubles: Troubles
    data: Path | None = None
    device: str = "cpu"
    sharing: int = 1
    events: Path | None = None

    def perform(self, runs: Sequence[Run], wanted: Sequence[Wanted], stage: Stage, way: Way | None = None) -> None:
        """Train and measure runs of one arm, together if that is possible; note what fails."""
        new = [run for run in runs if not self.store.has(run.key)]
        if len(new) > 1 and self.trains_together(new[0], way):
            self.train_together(new, stage, way)
        for run in runs:
            mine = [want for want in wanted if want.run.key == run.key]
            self.complete(run, mine, lambda what, run=run: stage(f"seed {run.seed} {what}"))  # type: ignore[misc]

    @as_found()
    def complete(self, run: Run, wanted: Sequence[Wanted], stage: Stage) -> None:
        """Train `run` unless it is trained, and take the measurements that are missing; note what fails."""
        try:
            record = self.store.read(run.key) or (self._load(run, stage) if run.network else self._train(run, stage))
            self._measure(run, record, wanted, stage)
        except Exception as error:  # noqa: BLE001 - one run's fault must not end the other runs
            self.troubles.add(run.key, _fault(error, run))

    def _train(self, run: Run, stage: Stage) -> dict[str, Any]:
        from vitwork.device.settings import kept
        from vitwork.training.train import train

        stage("training")
        folder, started = self.store.run_folder(run.key), self._started(run)
        with kept(), self._energy() as used, self.events_of(run, lambda progress: stage(str(progress))) as events:
            outcome = train(
                run.arm, run.seed, splits(run.arm.data, self.data), folder, device=self.device,
                progress=events.progress,
            )  # fmt: skip
            events.outcome(outcome)
        return self.record(run, outcome, None if started else used.joules)

    def _load(self, run: Run, stage: Stage) -> dict[str, Any]:
        """Load a published network once, to find out before measuring whether it can be loaded."""
        from vitwork.measurements.loaded_run import described

        assert run.network is not None
        stage("loading")
        record = {"arm": {"name": run.arm.name}, "seed": run.seed, "finished": time.time(), "joules": None}
        record |= described(run.network, self.device)
        self.store.write(run.key, record)
        return record

    @as_found()
    def train_together(self, runs: Sequence[Run], stage: Stage, way: Way | None) -> None:
        """Train seeds of one arm together; if that is impossible, leave them to be trained one by one."""
        from vitwork.device.settings import kept
        from vitwork.training.together import train_seeds

        stage("training together")
        started = [self._started(run) for run in runs]
        try:
            with kept(), self._energy() as used:
                outcomes = train_seeds(
                    runs[0].arm,
                    [run.seed for run in runs],
                    splits(runs[0].arm.data, self.data),
                    {run.seed: self.store.run_folder(run.key) for run in runs},
                    device=self.device,
                    progress=lambda progress: stage(str(progress)),
                    way=way,
                )
        except Exception as error:  # noqa: BLE001 - training one by one may work, or names the run at fault
            stage(f"not trained together ({type(error).__name__})")
            return
        for run, resumed in zip(runs, started, strict=True):
            joules = None if resumed or used.joules is None else used.joules / len(runs)
            self.record(run, outcomes[run.seed], joules)
            with self.events_of(run) as events:
                events.outcome(outcomes[run.seed])

    def trains_together(self, run: Run, way: Way | None) -> bool:
        """Return whether the seeds of a run's arm should be trained together; never for published networks."""
        if run.network is not None:
            return False
        if way is not None:
            return way != "alone"
        from vitwork.training.together import pays

        return pays(self.device, splits(run.arm.data, self.data).train)

    def _started(self, run: Run) -> bool:
        """Return whether an earlier attempt left files; then the energy is known only for the training's last part."""
        folder = self.store.run_folder(run.key)
        return folder.is_dir() and any(folder.iterdir())

    def record(self, run: Run, outcome: Outcome, joules: float | None = None) -> dict[str, Any]:
        """Store how a run ended, and return the record."""
        record = {
            "arm": plain(run.arm), "seed": run.seed, "finished": time.time(), "joules": joules, "origin": _origin(),
            **plain(outcome),
        }  # fmt: skip
        self.store.write(run.key, record)
        return record

    def events_of(
        self, run: Run, then: Callable[[Progress], None] | None = None, *, written: bool = True
    ) -> EventFiles:
        """Return the event files of a run; without any if they are not wanted or another process writes them."""
        from vitwork.training.tensorboard import EventFiles

        folder = self.events if written else None
        return EventFiles(folder and folder / f"{run.arm.name}-seed-{run.seed}", then)

    def _measure(self, run: Run, record: dict[str, Any], wanted: Sequence[Wanted], stage: Stage) -> None:
        if all(self.store.read(want.key) is not None for want in wanted):
            return
        trained = self._run(run)
        for want in wanted:
            if self.store.read(want.key) is not None:
                continue
            stage(f"measuring {want.measurement.name}")
            try:
                made = self._measured(trained, record, want, stage)
            except UnfitError as why:
                self.troubles.add(want.key, Lack(Missing.UNFIT, run.arm.name, str(why)))
            except Exception as error:  # noqa: BLE001 - one measurement's fault must not end the others
                self.troubles.add(want.key, _fault(error, run))
            else:
                self.store.write(want.key, made)
        del trained
        gc.collect()  # a network divided into blocks is in reference cycles, which Python would keep for long

    def _run(self, run: Run) -> TrainedRun:
        """Return a run in the form that measurements take."""
        from vitwork.measurements.loaded_run import loaded_run
        from vitwork.measurements.trained_run import TrainedRun

        if run.network is not None:
            return loaded_run(run.arm, run.network, self.data, self.device)
        folder = self.store.run_folder(run.key)
        return TrainedRun(run.arm, run.seed, folder, splits(run.arm.data, self.data), self.device)

    def _measured(self, trained: TrainedRun, record: dict[str, Any], want: Wanted, stage: Stage) -> dict[str, Any]:
        """Return the record of one measurement; a lost snapshot of the run is trained again first."""
        started = time.perf_counter()
        with self._energy() as used:
            try:
                values = _values(trained, record, want)
            except SnapshotError:
                trained.kept.clear()
                record.update(self._train(want.run, stage))
                values = _values(trained, record, want)
        return {
            "run": want.run.key,
            "name": want.measurement.name,
            "parameters": plain(want.measurement.parameters),
            "seconds": time.perf_counter() - started,
            "joules": used.joules,
            "origin": _origin(),
            "values": values,
        }

    def _energy(self) -> AbstractContextManager[energy.Energy]:
        return energy.meter(self.device, self.sharing)


def _values(trained: TrainedRun, record: dict[str, Any], want: Wanted) -> dict[str, Any] | None:
    """Return the values of a measurement; None for a run that diverged."""
    from vitwork.device.precision import single_precision
    from vitwork.device.settings import kept
    from vitwork.training.generators import untouched

    if record["status"] != "finished":
        return None
    with kept(), untouched(trained.device), single_precision():
        values = want.measurement.measure(trained)
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        found = type(values).__name__ if not isinstance(values, dict) else "dict with keys that are no words"
        raise VitworkError(
            f"The measurement {want.measurement.name} returns a {found}, and not a dict of what it finds."
        )
    return values


def _fault(error: Exception, run: Run) -> Lack:
    known = isinstance(error, VitworkError)
    what = str(error) if known else f"{type(error).__name__} in {run.arm.name} seed {run.seed}: {said(error)}"
    return Lack(Missing.FAULT, run.arm.name, what)


@cache
def _origin() -> dict[str, Any]:
    """Return the hardware and versions on which this machine's numbers depend, besides the code."""
    return {"versions": versions(), "hardware": hardware()}


@lru_cache(maxsize=2)
def splits(spec: DataSpec, root: Path | None) -> Splits:
    """Return the images, kept in memory for the runs that follow."""
    return images_of(spec, root)
