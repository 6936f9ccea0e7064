"""Training of several seeds of an arm in one process, in the way that is fastest on this machine.

One training of a small network leaves most of a GPU idle. There are three ways, which are timed for a few steps before
a
training: alone, one seed after another; side by side, each on its own stream, so that the GPU fills one seed's gaps
with another's work; and stacked, as one batched computation. On a CPU one after another is fastest, and nothing is
timed.
"""

from __future__ import annotations

import collections
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.device.timing import seconds, wait
from vitwork.errors import VitworkError
from vitwork.training import generators, numerics, stacked, train
from vitwork.training.batches import fits
from vitwork.training.distributed import World
from vitwork.training.outcome import Outcome, Progress
from vitwork.training.training import Training

if TYPE_CHECKING:
    from vitwork.data.images import ImageSet, Splits

Way = Literal["alone", "side by side", "stacked"]

WAYS: tuple[Way, ...] = ("alone", "side by side", "stacked")
TRIED_STEPS = 30  # timed for each way, after the same number of warm-up steps


def interleaved(runs: Sequence[Training]) -> Iterator[None]:
    """Train runs side by side, one step of each after the other; each gives exactly the result of a solo run.

    A model may draw from torch's global generators (dropout does), so each run has its own states of them.
    """
    for run in runs:
        run.sharing, run.way, run.started = len(runs), "side by side", time.perf_counter()
    waiting = {run.seed: run.steps() for run in runs}
    states = {run.seed: run.torch_state for run in runs}
    while waiting:
        for seed, steps in list(waiting.items()):
            generators.set_torch_state(states[seed], runs[0].device)
            if next(steps, steps) is steps:
                del waiting[seed]
            states[seed] = generators.torch_state(runs[0].device)
        yield


def steps(runs: Sequence[Training], way: Way) -> Iterator[None]:
    """Train runs of one arm to the end, pausing after a step of all of them (of one, for ``alone``)."""
    if way == "stacked":
        return stacked.Stacked(runs).steps()
    if way == "side by side":
        return interleaved(runs)
    return itertools.chain.from_iterable(run.steps() for run in runs)


def seconds_per_step(runs: Sequence[Training], way: Way) -> float:
    """Return the time of a step of all runs when they are trained in a given way.

    Raises:
        VitworkError, RuntimeError: recipe or model cannot be batched, or memory suffices only for fewer seeds.
    """
    try:
        under_way = steps(runs, way)
        for _ in itertools.islice(under_way, TRIED_STEPS):
            pass
        timed = itertools.islice(under_way, TRIED_STEPS)
        return seconds(lambda: collections.deque(timed, maxlen=0), runs[0].device) / TRIED_STEPS
    except (RuntimeError, VitworkError):
        wait(runs[0].device)  # until nothing writes to tensors that are freed now
        raise


def fastest(make: Callable[[int], Training], count: int) -> Way:
    """Time all ways on trainings that are then discarded, and return the one with the shortest step.

    Args:
        make: returns training number i, which has not begun and writes nothing.
        count: number of seeds to train at once.
    """
    taken: dict[Way, float] = {}
    for way in WAYS:
        tried = 1 if way == "alone" else count  # then each has the device to itself
        try:
            taken[way] = seconds_per_step([make(number) for number in range(tried)], way) * count / tried
        except (RuntimeError, VitworkError):
            taken[way] = math.inf
    return min(taken, key=taken.__getitem__)


def pays(device: torch.device | str, images: ImageSet) -> bool:
    """Return whether training several seeds at once may be faster: on a GPU, with images in memory.

    A stream of images would be read once for each seed.
    """
    return torch.device(device).type == "cuda" and isinstance(images.images, torch.Tensor)


def train_seeds(
    arm: Arm,
    seeds: Sequence[int],
    splits: Splits,
    folders: Mapping[int, Path],
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    every: float = 2.0,
    checkpoint_seconds: float = 30.0,
    way: Way | None = None,
) -> dict[int, Outcome]:
    """Train several seeds of an arm, with the results of solo runs: exactly (side by side) or up to rounding (stacked).

    Args:
        arm, splits, device, progress, every, checkpoint_seconds: as for `vitwork.training.train.train`.
        seeds: the seeds.
        folders: each seed's folder. A training that `train` began there is continued, and `train` can continue this
            one.
        way: how they are trained; None for the fastest, which on a GPU is found by timing all ways.

    Returns:
        Each seed's outcome; its seconds are its share of the time of all seeds at once.

    Raises:
        VitworkError: as for `vitwork.training.train.train`, or the recipe cannot be stacked.
    """
    device = torch.device(device)
    schedule.check_recipe(arm.recipe)
    if fits(splits.train.images, device):
        splits = replace(splits, train=splits.train.to(device))  # once for all seeds

    def make(arm: Arm, seed: int, interval: float) -> Training:
        generators.seed_all(seed)
        return Training(arm, seed, splits, folders[seed], device=device, world=World(), checkpoint_seconds=interval)

    with generators.seeded(0, device), numerics.fixed(arm.recipe):
        if way is None and (len(seeds) == 1 or not pays(device, splits.train)):
            way = "alone"
        elif way is None:
            trial = replace(arm, recipe=replace(arm.recipe, snapshots=()))
            way = fastest(lambda number: make(trial, seeds[number], math.inf), len(seeds))
    if way == "alone":
        settings = {"device": device, "progress": progress, "every": every, "checkpoint_seconds": checkpoint_seconds}
        return {seed: train.train(arm, seed, splits, folders[seed], **settings) for seed in seeds}  # type: ignore[arg-type]

    outcomes: dict[int, Outcome] = {}
    runs: list[Training] = []
    with generators.seeded(0, device), numerics.fixed(arm.recipe):
        for seed in seeds:
            run = make(arm, seed, checkpoint_seconds)
            if (outcome := train.taken_up(run)) is not None:
                outcomes[seed] = outcome
            else:
                runs.append(run)
        for group in _groups(runs, way):
            report = train.reporter(group[0], progress, every)
            for _ in steps(group, way):
                report()
            outcomes |= {run.seed: run.outcome() for run in group}
    return {seed: outcomes[seed] for seed in seeds}


def _groups(runs: Sequence[Training], way: Way) -> list[list[Training]]:
    """Return groups of runs to train at once: seeds that an earlier attempt left at other steps cannot be stacked."""
    groups: dict[int, list[Training]] = {}
    for run in runs:
        groups.setdefault(run.done if way == "stacked" else 0, []).append(run)
    return list(groups.values())
