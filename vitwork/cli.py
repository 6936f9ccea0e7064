"""The command line: everything around a session of claims. Imports torch only in the commands that compute."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import entry_points, version
from pathlib import Path

from vitwork import profiles
from vitwork.analyse.command import analyse, positive
from vitwork.errors import VitworkError

Command = Callable[[Sequence[str]], int]


def train(arguments: Sequence[str]) -> int:
    """Train every missing run of a profile; any number of processes, on any machines, may share the store.

    Started by torchrun, its processes split each training among them.
    """
    from vitwork.design.overrides import OPTIONS, override
    from vitwork.device import place
    from vitwork.report import words
    from vitwork.session.plan import Plan
    from vitwork.session.preflight import check_data, import_from_here, try_models
    from vitwork.session.worker import Worker
    from vitwork.store.store import Store, checked, resolved

    parser = _parser("train", train)
    _scale(parser)
    parser.add_argument("--arms", help="arms to train, separated by commas (default: all of the profile)")
    parser.add_argument("--seeds", type=positive, help="trained networks per arm, in place of the profile's number")
    parser.add_argument("--device", type=place.check, default="auto", help="auto, cpu or a torch device")
    for name, details in OPTIONS.items():
        parser.add_argument(name, **details)
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard event files there")
    given = parser.parse_args(arguments)
    for path in (given.data, given.tensorboard):
        checked(path or Path())
    found = profiles.find(given.profile)
    chosen = given.arms.split(",") if given.arms else list(found.arms)
    if unknown := [name for name in chosen if name not in found.arms]:
        raise VitworkError(f"The profile {found.name} has no arm {unknown[0]!r}; it has {', '.join(found.arms)}.")
    found = replace(found, arms={name: found.arms[name] for name in chosen})  # what is changed need not fit the others
    profile = override(found, given.changes, deterministic=given.deterministic)
    check_data(profile, given.data)
    import_from_here()
    try_models(profile, found)
    plan = Plan(profile, given.data)
    for seed in range(given.seeds or profile.seeds):
        for name in chosen:
            plan.run(profile.arms[name], seed)
    worker = Worker(Store(resolved(given.store)), given.data, device=given.device, events=given.tensorboard)
    missing = len(plan.missing(worker.store))
    print(f"{missing} of {len(plan.runs)} runs are missing.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from vitwork.session import torchrun

        torchrun.drain(plan, worker)
    else:
        worker.drain(plan)
    for run in plan.runs.values():
        record = worker.store.read(run.key) or {}
        if record.get("status") == "diverged":
            print(f"{run.arm.name} seed {run.seed}: diverged in epoch {len(record['history'])}")
    for lack in worker.troubles.faults:
        print(words.lack(lack), file=sys.stderr)
    return 1 if worker.troubles.faults else 0


def status(arguments: Sequence[str]) -> int:
    """Show what the workers of a store are doing."""
    from vitwork.session.progress import statuses, summary
    from vitwork.store.store import resolved

    parser = _parser("status", status)
    _store(parser)
    parser.add_argument("--watch", action="store_true", help="repeat every five seconds until interrupted")
    given = parser.parse_args(arguments)
    root = resolved(given.store)
    if not root.is_dir():
        raise VitworkError(
            f"The store {root} {'is no folder' if root.exists() else 'does not exist'}: say with --store where it is."
        )
    while True:
        print(summary(statuses(root)) or f"Nobody is working on the store {root}.", flush=True)
        if not given.watch:
            return 0
        time.sleep(5)


def models(arguments: Sequence[str]) -> int:
    """List the models that can be made by name."""
    from vitwork.models.zoo.table import lines

    _parser("models", models).parse_args(arguments)
    print("\n".join(lines()))
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run the claims of the paper from any folder; takes every option of pytest and of the suite (`vitwork run --help`)."""
    import pytest

    from vitwork.session.invocation import arguments as session

    return int(pytest.main(session(arguments)))


def plan(arguments: Sequence[str]) -> int:
    """Show what a session of claims would cost and the smallest effects it could see; takes the options of `vitwork run`."""
    return run(["-q", "--plan", *arguments])


def _parser(name: str, command: Command) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(f"vitwork {name}", description=command.__doc__)


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=Path(".vitwork"), help="folder of runs and records")


def _scale(parser: argparse.ArgumentParser) -> None:
    _store(parser)
    parser.add_argument("--profile", default="smoke", help=f"one of {', '.join(profiles.PROFILES)}")
    parser.add_argument("--data", type=Path, help="folder of images, or hf://owner/name")


COMMANDS: dict[str, Command] = {
    "run": run,
    "plan": plan,
    "analyse": analyse,
    "train": train,
    "status": status,
    "models": models,
}


def command(name: str) -> Command | None:
    """Return a command of this module, or one that an installed package adds under ``vitwork.commands``, or None."""
    if name in COMMANDS:
        return COMMANDS[name]
    added: list[Command] = [point.load() for point in entry_points(group="vitwork.commands", name=name)]
    return added[0] if added else None


def usage() -> str:
    """Return how the commands are called, and a line for each."""
    names = [*COMMANDS, *sorted(entry_points(group="vitwork.commands").names)]
    lines = [f"  {name:9}{(inspect.getdoc(command(name)) or '').partition(chr(10))[0]}" for name in names]
    return "\n".join(
        ["usage: vitwork COMMAND …, or vitwork --version; `vitwork COMMAND --help` says more of one.", "", *lines]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user ends in one sentence and exit status 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(given)
        sys.stdout.flush()
    except VitworkError as error:
        print(f"vitwork: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, wants no more
        # Else Python's own last flush would fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # what a shell says of a program that a closed pipe ended
    return status


def _run(given: Sequence[str]) -> int:
    """Run the command that the first word names, or say what there is."""
    if not given:
        print(usage(), file=sys.stderr)
        return 2
    name, *arguments = given
    if name in {"-h", "--help"}:
        print(usage())
        return 0
    if name == "--version":
        print(f"vitwork {version('vitwork')}")
        return 0
    found = command(name)
    if found is None:
        raise VitworkError(f"There is no command {name!r}; `vitwork --help` lists those there are.")
    return found(arguments)
