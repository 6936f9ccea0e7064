"""Estimates of training time on this machine, for plans only: a timed step of one arm, and operation counts of all."""

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
"""Most operations of a step that is timed on a CPU, which takes a second or less. A step with few images on a small
network would be all overhead. So it has as many images as this allows, up to the recipe's batch; a GPU always uses that
batch."""
ENOUGH = 2.0
"""Seconds of timed steps after which no further one is timed: kernels of some number formats are slow."""


def operations(arm: Arm, side: int) -> int:
    """Return the floating-point operations of a training step on one image of the given side, without computing it.

    They are three times those of the forward pass: a layer's gradients with respect to its input and to its weights
    each take as many operations as its output. Only the first layer's input needs no gradient, which is below 1 % in
    the arms of the profiles.
    """
    with kept(), torch.device("meta"), torch.inference_mode():
        model = build_model(arm, CLASSES).eval()
        with FlopCounterMode(display=False) as counter:
            model(_batch(1, side)[0])
    return 3 * int(counter.get_total_flops()) * (2 if arm.recipe.sam else 1)


def seconds_per_image(arm: Arm, side: int, device: str, work: int) -> float:
    """Return the time per image of the fastest optimiser step on noise, with an untrained network that is discarded.

    The first step is not counted, unless it took so long that its set-up is a small part of it (never on a GPU). `work`
    is the arm's number of `operations`.
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
            # Outside the context of a default device, which slows down every call.
            started = time.perf_counter()
            step(x, targets, 0.0)
            step.tally.read()  # waits for the device
            seconds.append(time.perf_counter() - started)
    return min(seconds[1:] or seconds) / count


def _batch(count: int, side: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(count, 3, side, side).normal_(), torch.full((count, CLASSES), 1 / CLASSES)
