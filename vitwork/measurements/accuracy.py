"""How well a run classifies: accuracy, likelihood and calibration on the test images, likelihood on training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import quantity

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Measurement):
    """The metrics of `calibration.evaluate` on the test images, and the NLL of augmented training images.

    Attributes:
        when: at which snapshot.
        batch_size: images at once.
        training_images: how many training images, drawn at random, the NLL is averaged over; None for all.
    """

    name: ClassVar[str] = "evaluation"
    figure: ClassVar[str] = "evaluation"

    when: str = "end"
    batch_size: int = 250
    training_images: int | None = None

    def measure(self, run: TrainedRun) -> Record:
        """Return the metrics, and the training NLL beside them."""
        import torch
        from torch.nn import functional as F

        from vitwork.analysis import calibration
        from vitwork.device.memory import in_parts

        model = run.model(self.when)
        with torch.inference_mode():
            found = [(in_parts(model, images), labels) for images, labels in run.test_batches(self.batch_size)]
            logits, classes = (torch.cat(parts) for parts in zip(*found, strict=True))
            metrics = calibration.evaluate(logits, classes)
            total, count = 0.0, 0
            wanted = self.training_images or len(run.splits.train)
            for images, targets in run.augmented(-(-wanted // self.batch_size), self.batch_size):
                total += float(F.cross_entropy(in_parts(model, images), targets, reduction="sum"))
                count += len(images)
        return {**metrics, "classes": logits.shape[1], "train_nll": total / count}


@quantity(Evaluation, unit="%")
def accuracy(record: Record) -> float:
    """Return the share of test images classified right."""
    return 100.0 * float(record["acc"])


@quantity(Evaluation, unit="%")
def error(record: Record) -> float:
    """Return the share of test images classified wrong."""
    return 100.0 - 100.0 * float(record["acc"])


@quantity(Evaluation, name="training NLL", unit="nats")
def training_nll(record: Record) -> float:
    """Return the mean negative log-likelihood of augmented training images."""
    return float(record["train_nll"])


@quantity(Evaluation, name="confidence above accuracy", unit="%")
def overconfidence(record: Record) -> float:
    """Return the signed calibration error: mean confidence minus accuracy, negative when under-confident."""
    return 100.0 * float(record["signed_ece"])
