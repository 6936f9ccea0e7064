"""The commands ``vitwork train`` and ``vitwork status``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vitwork import profiles
from vitwork.arguments import file_or_folder
from vitwork.design.overrides import OPTIONS, override
from vitwork.device import place
from vitwork.errors import VitworkError, at_least
from vitwork.report import words
from vitwork.session import options
from vitwork.session.bookings import Bookings, booked
from vitwork.session.dispatch import Dispatcher
from vitwork.session.engine import Choice, State
from vitwork.session.forecast import task_lines
from vitwork.session.jobs import states
from vitwork.session.plan import Plan
from vitwork.session.preflight import check_data, import_from_here, try_models
from vitwork.session.progress import statuses, summary
from vitwork.session.worker import Worker
from vitwork.store.objects import opened, where, working_folder
from vitwork.store.store import Store, checked

WORKING = Path(".vitwork")
"""The default store, and the local working folder for a store at a URL."""


def train(arguments: Sequence[str]) -> int:
    """Train every missing run of a profile, here or by an engine; processes of one machine may share the store.

    Started by torchrun, its processes split each training among them. If the engine's jobs outlive the command, it
    hands the runs over and ends.
    """
    given = _train_options().parse_args(arguments)
    for path in (given.data, given.tensorboard):
        checked(path or Path())
    engine, plan = Choice.of(given.engine, given.engine_settings), _planned(given)
    worker = Worker(
        opened(given.store, WORKING), given.data, device=given.device, events=given.tensorboard, engine=engine,
        say=print, planned=len(plan.runs),
    )  # fmt: skip
    made = engine.make(worker)
    print(f"{len(plan.missing(worker.store))} of {len(plan.runs)} runs are missing.")
    if given.plan:
        print("\n".join(task_lines(plan, worker.store, made)))
        return 0
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from vitwork.engines import torchrun

        torchrun.drain(plan, worker)
    elif made.lasting:
        for task, future in Dispatcher(made, worker.store, worker.troubles, print).submit(plan):
            print(f"{future.id}: {task.name}")
        return 0
    else:
        worker.drain(plan)
    return _told(plan, worker)


def _train_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("vitwork train", description=train.__doc__)
    _store(parser)
    parser.add_argument("--profile", default="smoke", help=f"one of {', '.join(profiles.PROFILES)}")
    parser.add_argument("--data", type=file_or_folder, help="folder of images, or hf://owner/name")
    parser.add_argument("--arms", help="arms to train, separated by commas (default: all of the profile)")
    parser.add_argument("--seeds", type=int, help="trained networks per arm, in place of the profile's number")
    parser.add_argument("--device", type=place.check, default="auto", help="auto, cpu or a torch device")
    parser.add_argument("--tensorboard", type=file_or_folder, metavar="DIR", help="write TensorBoard event files there")
    parser.add_argument("--plan", action="store_true", help="print the tasks and what they would take, and stop")
    for name, details in (OPTIONS | options.ENGINE).items():
        parser.add_argument(name, **details)
    return parser


def _planned(given: argparse.Namespace) -> Plan:
    """Return the plan of the trainings that the options choose.

    Raises:
        VitworkError: an option's value cannot be used.
    """
    at_least(1, **{"--seeds": given.seeds})
    found = profiles.find(given.profile)
    chosen = given.arms.split(",") if given.arms else list(found.arms)
    found.check_arms(chosen)
    found = replace(found, arms={name: found.arms[name] for name in chosen})  # changes need not fit the other arms
    profile = override(found, given.changes, deterministic=given.deterministic)
    check_data(profile, given.data)
    import_from_here()
    for line in try_models(profile, found):
        print(line, file=sys.stderr)
    plan = Plan(profile, given.data)
    for number in range(given.seeds or profile.seeds):
        for name in chosen:
            plan.run(profile.arms[name], profile.first_seed + number)
    return plan


def _told(plan: Plan, worker: Worker) -> int:
    """Print which runs diverged or failed, and return the exit status."""
    for run in plan.runs.values():
        record = worker.store.read(run.key) or {}
        if record.get("status") == "diverged":
            print(f"{run.arm.name} seed {run.seed}: diverged in epoch {len(record['history'])}")
    for lack in worker.troubles.faults:
        print(words.lack(lack), file=sys.stderr)
    return 1 if worker.troubles.faults else 0


def status(arguments: Sequence[str]) -> int:
    """Show what the workers of a store are doing, and the jobs that its runs were handed to."""
    parser = argparse.ArgumentParser("vitwork status", description=status.__doc__)
    _store(parser)
    parser.add_argument("--watch", action="store_true", help="repeat every five seconds until interrupted")
    parser.add_argument("--cancel", action="store_true", help="cancel the jobs")
    given = parser.parse_args(arguments)
    root = working_folder(given.store, WORKING)
    if not root.is_dir():
        raise VitworkError(
            f"The store {root} {'is no folder' if root.exists() else 'does not exist'}: say with --store where it is."
        )
    if given.cancel:
        return _cancel(Store(root))
    while True:
        lines = [summary(statuses(root)), *_jobs(root)]
        print("\n".join(line for line in lines if line) or f"Nobody is working on the store {root}.", flush=True)
        if not given.watch:
            return 0
        time.sleep(5)


def _jobs(root: Path) -> list[str]:
    """Return a line for each job that runs were handed to."""
    bookings = booked(root)
    if not bookings:
        return []
    told = states(bookings, Store(root))
    jobs: dict[tuple[str, str, str, State], list[str]] = {}
    for booking in bookings:
        key = (booking.engine, booking.job or booking.session, booking.host, told[booking.key])
        jobs.setdefault(key, []).append(booking.run)
    return [f"{engine} {job} ({host}) {state}: {', '.join(runs)}" for (engine, job, host, state), runs in jobs.items()]


def _cancel(store: Store) -> int:
    """Cancel all jobs of a store, and remove the bookings of their runs."""
    bookings = booked(store.root)
    for name in dict.fromkeys(booking.engine for booking in bookings):
        jobs = {booking.job for booking in bookings if booking.engine == name and booking.job}
        Choice(name).make(Worker(store)).cancel(sorted(jobs))
    Bookings(store.root, "", lasting=True).drop([booking.key for booking in bookings])
    print(f"{words.plural(len(bookings), 'run')} given back.")
    return 0


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=where, default=WORKING, help="folder or URL of runs and records")
