"""Trains a plan with all processes that torchrun started: one run after another, each split over all processes."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from vitwork.session.plan import Plan
from vitwork.session.progress import Reporter
from vitwork.session.tasks import Stage, splits
from vitwork.session.worker import Worker
from vitwork.training import distributed
from vitwork.training.outcome import Progress
from vitwork.training.train import train


def drain(plan: Plan, worker: Worker) -> None:
    """Train every missing run of a plan that no other session works on; nothing is measured.

    Every process calls this. The first one holds the leases, writes the records and reports.

    Raises:
        VitworkError: a run cannot be trained; the work stops, because the processes would no longer agree.
    """
    tasks = worker.tasks
    device = distributed.local_device(tasks.device)
    with distributed.joined(device) as world:
        reporter = Reporter(worker.store, worker.name, len(plan.runs))
        missing = world.gather([run.key for run in plan.missing(worker.store)])[0]
        for number, key in enumerate(missing):
            run = plan.runs[key]
            done = len(plan.runs) - len(missing) + number
            stage = reporter.stage(f"{run.arm.name} seed {run.seed}", partial(int, done))
            with worker.store.lease(key) if world.leads else nullcontext(enter_result=False) as free:
                if not world.follow(free):
                    continue
                with tasks.events_of(run, partial(_tell, stage), written=world.leads) as events:
                    outcome = train(
                        run.arm,
                        run.seed,
                        splits(run.arm.data, worker.data),
                        worker.store.run_folder(key),
                        device=device,
                        progress=events.progress,
                    )
                    events.outcome(outcome)
                if world.leads:
                    tasks.record(run, outcome)
        if world.leads:
            reporter.end()


def _tell(stage: Stage, progress: Progress) -> None:
    stage(str(progress))
