"""Progress of a running training, and the outcome of a finished one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes:
        epoch, epochs: the current epoch (from 1, warm-up included), and their number.
        step, steps: optimiser steps done, and their number.
        loss: mean training loss of the epoch so far.
        accuracy: share of the epoch's training images so far for which the class of the largest target was predicted.
        images_per_second: training speed since the training started or resumed.
        seconds_left: time for the remaining steps at that speed.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}/{self.epochs}  loss {self.loss:.3f}  accuracy {self.accuracy:.3f}  "
            f"{self.images_per_second:.0f} images/s  {self.seconds_left:.0f} s left"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended.

    Attributes:
        status: ``diverged`` when the loss or the weights stopped being finite; its history ends there.
        history: one entry per epoch: ``epoch``, ``loss``, ``accuracy`` (both on augmented training batches), ``lr``;
            the last entry of a finished run adds ``test_accuracy`` and ``test_nll`` (and ``ema_…`` with an average).
        seconds: time spent in training, all attempts together.
        images_per_second: training images per second of that time.
        mode: device, precision, memory layout, compilation and threads, which may change the last digits.
        parameters: number of trainable parameters.
    """

    status: Literal["finished", "diverged"]
    history: list[dict[str, Any]]
    seconds: float
    images_per_second: float
    mode: str
    parameters: int
