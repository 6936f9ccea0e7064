"""Accuracy, likelihood and calibration of a run on test images, and its likelihood on training images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.measurement import Counts, Measurement, Record
from vitwork.language.quantity import quantity
from vitwork.measurements.errors import binomial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from vitwork.measurements.trained_run import TrainedRun


COMPARED = 2
"""Number of training batches also evaluated without augmentation, to estimate its part of the spread over images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Measurement):
    """The metrics of `calibration.evaluate` on the test images, and the NLL of augmented training images.

    The latter is measured only where the augmentation of training is known.

    Attributes:
        when: the snapshot to measure at.
        batch_size: number of images at once.
        training_images: number of training images, drawn at random, that the NLL is averaged over; None for all.
    """

    name: ClassVar[str] = "evaluation"
    figure: ClassVar[str] = "evaluation"

    when: str = "end"
    batch_size: int = 250
    training_images: int | None = None

    def passes(self, there: Counts) -> int:
        """Return the number of test images plus that of the training images that are averaged over."""
        return there.test + min(self.training_images or there.augmented, there.augmented)

    def measure(self, run: TrainedRun) -> Record:
        """Return the metrics, the training NLL, and the values from which standard errors and chance level follow."""
        import torch
        from torch.nn import functional as F

        from vitwork.analysis import calibration
        from vitwork.device.parts import in_parts

        model = run.model(self.when)
        with torch.inference_mode():
            found = [(in_parts(model, images), labels) for images, labels in run.test_batches(self.batch_size)]
            logits, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
            return {
                **calibration.evaluate(logits, labels),
                "nll_error": _error(F.cross_entropy(logits.double(), labels, reduction="none")),
                "signed_ece_error": _error(logits.double().softmax(1).amax(1) - (logits.argmax(1) == labels).double()),
                **(self._training(run, model) if run.arm.augmented else {}),
                "images": len(labels),
                "classes": logits.shape[1],
            }

    def _training(self, run: TrainedRun, model: nn.Module) -> Record:
        """Return the NLL of augmented training images, with its standard error.

        All runs are trained on the same images. Where all of them are used, no images are sampled, and the error is
        that of their augmentation alone. It is at most the spread of the changes that augmentation makes.
        """
        import torch
        from torch.nn import functional as F

        from vitwork.device.parts import in_parts

        def losses(batches: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
            parts = [F.cross_entropy(in_parts(model, x), targets, reduction="none") for x, targets in batches]
            return torch.cat(parts).double()

        every = len(run.splits.train)
        batches = -(-(self.training_images or every) // self.batch_size)
        training = losses(run.augmented(batches, self.batch_size))
        clean = losses(run.clean_batches(min(COMPARED, batches), self.batch_size))
        same = training[: len(clean)]  # the same images, in the same order
        augmented = float(((same - clean).var(correction=0) / same.var(correction=0)).nan_to_num(1.0).clamp(max=1.0))
        unseen = 1.0 - len(training) / every
        error = _error(training) * math.sqrt(augmented + (1.0 - augmented) * unseen)
        return {"train_nll": float(training.mean()), "train_nll_error": error}


def _error(by_image: Tensor) -> float:
    """Return the standard error of the mean over images."""
    from vitwork.analysis.observe import mean_and_error

    return float(mean_and_error(by_image)[1])


def _accuracy_error(record: Record) -> float:
    return 100.0 * binomial(record["acc"], record["images"])


@quantity(Evaluation, unit="%", error=_accuracy_error)
def accuracy(record: Record) -> float:
    """Return the share of test images classified correctly."""
    return 100.0 * float(record["acc"])


@quantity(Evaluation, unit="%", error=_accuracy_error)
def error(record: Record) -> float:
    """Return the share of test images classified incorrectly."""
    return 100.0 - 100.0 * float(record["acc"])


@quantity(Evaluation, name="NLL", unit="nats", scale="log-ratio", error=lambda record: float(record["nll_error"]))
def nll(record: Record) -> float:
    """Return the mean negative log-likelihood of test images."""
    return float(record["nll"])


@quantity(
    Evaluation,
    name="training NLL",
    unit="nats",
    scale="log-ratio",
    error=lambda record: float(record["train_nll_error"]),
    drawn=True,
    augmented=True,
)
def training_nll(record: Record) -> float:
    """Return the mean negative log-likelihood of augmented training images."""
    return float(record["train_nll"])


def _ece_error(record: Record) -> float:
    """Return the standard error over images of the ECE, from the standard errors of its bins' accuracies."""
    images: int = record["images"]
    bins = zip(record["bins"]["count"], record["bins"]["accuracy"], strict=True)
    return math.sqrt(sum((count / images * binomial(share, count)) ** 2 for count, share in bins if count))


@quantity(Evaluation, name="ECE", unit="%", scale="log-ratio", error=lambda record: 100.0 * _ece_error(record))
def calibration_error(record: Record) -> float:
    """Return the expected calibration error."""
    return 100.0 * float(record["ece"])


@quantity(
    Evaluation,
    name="confidence above accuracy",
    unit="%",
    error=lambda record: 100.0 * float(record["signed_ece_error"]),
)
def overconfidence(record: Record) -> float:
    """Return the signed calibration error: mean confidence minus accuracy, negative when under-confident."""
    return 100.0 * float(record["signed_ece"])
