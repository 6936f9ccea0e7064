"""Do our training step and the official one go the same way? Both train a copy of one network on the same batches.

    uv run --with matplotlib python benchmarks/loss_curve.py --official CHECKOUT [--epochs 4] [--images 960]

The official code imports matplotlib, which this project does not need.

CHECKOUT is an unpacked copy of the official repository. Batches are drawn and augmented once (DeiT recipe: RandAugment,
mixup and CutMix, smoothed targets) and handed to both; stochastic depth, whose draws cannot be shared, is off. The rest
is each side's own: AdamW, an epoch of warm-up, the cosine per epoch, clipping, fp32. Printed are, for each network and
epoch, the mean loss of both and the largest difference between the losses of one step so far. What differs is rounding,
which training magnifies, so differences grow; the last column tells what noise is: our step with another seed's weights.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import importlib
import sys
import types
from pathlib import Path
from typing import Any

import torch
from timing import table
from torch import Tensor, nn
from training import CLASSES, NETWORKS, our_run, pictures

from vitwork.design import schedule
from vitwork.design.arm import Arm
from vitwork.design.recipes import DEIT_300
from vitwork.training.training import Training

Batch = tuple[Tensor, Tensor]


def our_losses(run: Training, epochs: list[list[Batch]]) -> list[list[float]]:
    """Return the loss of each step of each epoch."""
    losses: list[list[float]] = []
    run.model.train()
    for batches in epochs:
        losses.append([])
        for x, targets in batches:
            rate = schedule.learning_rate(run.recipe, run.done, len(batches))
            run.step(x, targets, rate)
            run.done += 1
            losses[-1].append(run.step.tally.read()[0])
            run.step.tally.reset()
    return losses


def official_losses(checkout: Path, model: nn.Module, arm: Arm, epochs: list[list[Batch]]) -> list[list[float]]:
    """Return the same of the official loop, given one batch at a time."""
    sys.path.insert(0, str(checkout))
    sys.modules.setdefault("requests", types.ModuleType("requests"))  # it would download checkpoints
    trains, schedulers = (importlib.import_module(f"ops.{name}") for name in ("trains", "schedulers"))
    recipe = arm.recipe
    settings = {"name": "CosineAnnealingLR", "T_max": recipe.epochs, "eta_min": 0}
    optimiser, cosine = trains.get_optimizer(
        model, "AdamW", lr=recipe.lr, weight_decay=recipe.weight_decay, scheduler=settings
    )
    warmup = schedulers.WarmupScheduler(optimiser, len(epochs[0]) * recipe.warmup_epochs)

    def step(batch: Batch, scheduler: Any) -> float:
        return float(
            trains.train_epoch(
                optimiser, model, [batch], mixup_function=lambda x, targets: (x, targets), max_norm=recipe.clip,
                scheduler=scheduler, gpu=False,
            )[0]
        )  # fmt: skip

    losses = []
    for number, batches in enumerate(epochs):
        warming = number < recipe.warmup_epochs
        losses.append([step(batch, warmup if warming else None) for batch in batches])
        if not warming:
            cosine.step()
    return losses


def compare(name: str, network: tuple[str, dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    recipe = dataclasses.replace(
        DEIT_300, epochs=options.epochs - 1, warmup_epochs=1, drop_path=0.0, lr=options.lr, snapshots=()
    )
    arm, images = Arm("benchmark", network[0], network[1], recipe), pictures(options.images)
    runs = [our_run(arm, images, torch.device("cpu"), seed) for seed in range(2)]
    theirs = copy.deepcopy(runs[0].model)
    epochs = [list(runs[0].batches.epoch(epoch)) for epoch in range(options.epochs)]
    ours, other = (our_losses(run, epochs) for run in runs)
    official = official_losses(options.official, theirs, arm, epochs)
    rows, largest = [], 0.0
    for number, steps in enumerate(ours):
        difference = max(abs(a - b) for a, b in zip(steps, official[number], strict=True))
        largest = max(largest, difference)
        means = [sum(epoch[number]) / len(steps) for epoch in (ours, official, other)]
        rows.append(
            {
                "network": name,
                "epoch": number + 1,
                "vitwork": f"{means[0]:.6f}",
                "official": f"{means[1]:.6f}",
                "largest difference of a step so far": f"{largest:.1e}",
                "another seed": f"{means[2]:.6f}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, required=True, help="unpacked copy of the official repository")
    parser.add_argument("--epochs", type=int, default=4, help="of which the first is the warm-up")
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--lr", type=float, default=1e-3, help="rather more than the recipe's, so that losses move")
    options = parser.parse_args()
    print(f"{CLASSES} classes, torch {torch.__version__}")
    print(
        table([row for name, network in NETWORKS["small"].items() for row in compare(name, network, options)]),
        flush=True,
    )


if __name__ == "__main__":
    main()
