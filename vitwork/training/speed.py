"""How long arms train on this machine, from a step of one and the work of all; for plans, which nothing rests on."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vitwork.design.arm import Arm
from vitwork.device.settings import kept
from vitwork.training.step import Step
from vitwork.training.training import build_model

CLASSES = 10
STEPS = 3
AFFORDED = 2e10
"""Operations of a step that is timed on a processor, at most: a second or less. A step of few images on a small network would be
all overhead, so it has as many as that allows, and a batch of the recipe's at most; a GPU takes that batch."""
ENOUGH = 2.0
"""Seconds of steps after which a plan waits for no further one: the kernels that a number format has may be slow."""


def operations(arm: Arm, side: int) -> int:
    """Return the floating-point operations of a training step on one image of that side; nothing is computed.

    They are three times those of the forward pass, since a layer's gradients by its input and by its weights take as many each
    as its output. Only the first layer's input has none, which is below 1 % in the arms that profiles have.
    """
    with kept(), torch.device("meta"), torch.inference_mode():
        model = build_model(arm, CLASSES).eval()
        with FlopCounterMode(display=False) as counter:
            model(_batch(1, side)[0])
    return 3 * int(counter.get_total_flops()) * (2 if arm.recipe.sam else 1)


def seconds_per_image(arm: Arm, side: int, device: str, work: int) -> float:
    """Return what an optimiser step on noise takes by image: the quickest after the first of an untrained network, thrown away.

    The first counts where it took so long that what it sets up is little of it, which is never so on a GPU. `work` is what
    `operations` counts of the arm.
    """
    place = torch.device(device)
    afforded = max(2, int(AFFORDED / work)) if place.type == "cpu" else arm.recipe.batch_size
    count = min(afforded, arm.recipe.batch_size)
    seconds: list[float] = []
    with kept():
        with place:
            step = Step(build_model(arm, CLASSES).train(), replace(arm.recipe, compile=""), place)
            x, targets = _batch(count, side)
        least = 1 if place.type == "cpu" else 2
        while len(seconds) < least or (len(seconds) <= STEPS and sum(seconds) < ENOUGH):
            # not within the device's context, which slows down every call
            started = time.perf_counter()
            step(x, targets, 0.0)
            step.tally.read()  # waits for the device
            seconds.append(time.perf_counter() - started)
    return min(seconds[1:] or seconds) / count


def _batch(count: int, side: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(count, 3, side, side).normal_(), torch.full((count, CLASSES), 1 / CLASSES)
