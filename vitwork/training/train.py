"""Training of one arm with one seed, resumable with the same result, with divergence as a possible outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.errors import VitworkError
from vitwork.store.store import CorruptFileError, read_sealed
from vitwork.training import checkpoint, distributed, generators, numerics
from vitwork.training.checkpoint import load_snapshot
from vitwork.training.outcome import Outcome, Progress
from vitwork.training.training import Training, build_model, make_augment

if TYPE_CHECKING:
    from vitwork.data.images import Splits

__all__ = ["build_model", "load_snapshot", "make_augment", "train"]


def stored_outcome(run: Training) -> Outcome | None:
    """Return the outcome of a run that already ended in this folder with all its snapshots intact, otherwise None."""
    try:
        content = json.loads(read_sealed(run.folder / "outcome.json"))
    except FileNotFoundError:
        return None
    except CorruptFileError:
        checkpoint.set_aside(run.folder / "outcome.json")
        return None
    if content.pop("identity") != run.identity:
        raise VitworkError(f"{run.folder} holds the outcome of another run; give this one a folder of its own.")
    outcome = Outcome(**content)
    names = run.kept if outcome.status == "finished" else []
    sound = [checkpoint.read_or_set_aside(run.folder / f"{name}.pt") is not None for name in names]
    return outcome if all(sound) else None


def taken_up(run: Training) -> Outcome | None:
    """Return the outcome of a run that has ended; otherwise restore it from an earlier attempt and return None."""
    outcome = run.world.leader_first(lambda: stored_outcome(run))
    if outcome is None:
        path = run.folder / "checkpoint.pt"
        state = run.world.leader_first(lambda: checkpoint.read_or_set_aside(path, run.device))
        if state is not None:
            run.restore(state)
    return outcome


def reporter(run: Training, progress: Callable[[Progress], None] | None, every: float) -> Callable[[], None]:
    """Return a function to call after each step, which reports progress every `every` seconds."""
    last = time.monotonic()

    def report() -> None:
        nonlocal last
        if progress is not None and time.monotonic() - last >= every:
            progress(run.progress())
            last = time.monotonic()

    return report


def train(
    arm: Arm,
    seed: int,
    splits: Splits,
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    every: float = 2.0,
    checkpoint_seconds: float = 30.0,
) -> Outcome:
    """Train an arm with a seed, continuing an earlier attempt in `folder`.

    Two runs with the same seed see the same images in the same order, for any arms. On a CPU the result is
    bit-identical however often the training was killed and resumed.

    Args:
        arm: model, recipe and data.
        seed: determines initial weights, data order, augmentation and stochastic depth.
        splits: the arm's images.
        folder: receives ``init.pt``, ``warmup.pt``, ``end.pt``, ``epoch-N.pt`` as the recipe asks, ``checkpoint.pt``
            while it trains, and ``outcome.json`` when it has ended.
        device: device for the training.
        progress: called every `every` seconds.
        every: seconds between two reports.
        checkpoint_seconds: least time between two checkpoints; 0 for one after each step.

    Returns:
        The outcome. A loss that is not finite ends the run as ``diverged``; it is not an error.

    Raises:
        VitworkError: the folder cannot be written or holds another run, or the recipe cannot be carried out.
    """
    schedule.check_recipe(arm.recipe)
    device = distributed.local_device(str(device))
    with distributed.joined(device) as world, generators.seeded(seed, device), numerics.fixed(arm.recipe):
        run = Training(arm, seed, splits, folder, device=device, world=world, checkpoint_seconds=checkpoint_seconds)
        if (outcome := taken_up(run)) is not None:
            return outcome
        report = reporter(run, progress if world.leads else None, every)
        for _ in run.steps():
            report()
        return run.outcome()
