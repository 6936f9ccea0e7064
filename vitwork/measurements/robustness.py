"""Accuracy of a run under noise of one frequency band and under corruptions (paper, Fig. 2b and 12b)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from vitwork.design.measurement import Counts, Measurement, Record
from vitwork.language.quantity import columns, mean, quantity, ratio
from vitwork.measurements.errors import binomial, together

if TYPE_CHECKING:
    from torch import Tensor

    from vitwork.measurements.trained_run import TrainedRun

HIGH, LOW = (0.7, 0.9), (0.2, 0.5)
"""Bands in which the paper's two claims are tested, in units of π."""
KEPT = 1 << 21
"""Largest number of values in corrupted images that a process keeps for its next network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBands(Measurement):
    """The change of test accuracy under noise of each band, with amplitude 0.7 as the author remarked later.

    Attributes:
        when: the snapshot to measure at.
        power: ``fixed`` amplitude per frequency, or ``equal`` power in every band.
        images: number of test images; None for all.
    """

    name: ClassVar[str] = "noise_bands"
    figure: ClassVar[str] = "noise_bands"

    when: str = "end"
    power: Literal["fixed", "equal"] = "fixed"
    images: int | None = None

    def measure(self, run: TrainedRun) -> Record:
        """Return one change of accuracy per band."""
        from vitwork.analysis import robustness
        from vitwork.data.noise_bands import Band

        band = Band(robustness.PAPER_FREQUENCIES[0], eps=0.7 if self.power == "fixed" else 0.3, power=self.power)
        images = run.test_batches(limit=self.images)
        found = robustness.noise_bands(run.model(self.when), images, band=band, seed=run.seed)
        return columns(found, "frequencies", "clean", "accuracy_change", "standard_error", "rms", "cost")


def _inside(record: Record, column: str, between: tuple[float, float]) -> list[float]:
    low, high = between
    bands = zip(record["frequencies"], record[column], strict=True)
    return [found for frequency, found in bands if low - 1e-9 <= frequency <= high + 1e-9]


def _mean(record: Record, between: tuple[float, float]) -> float:
    low, high = between
    return mean(_inside(record, "accuracy_change", between), f"band between {low:g}π and {high:g}π")


def _error(record: Record, between: tuple[float, float]) -> float:
    """Return an upper bound on the standard error over images of the mean change."""
    return together(_inside(record, "standard_error", between))


@quantity(
    NoiseBands,
    name="accuracy change under noise",
    unit="pp",
    error=lambda record, between: 100.0 * _error(record, between),
)
def change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands with centres in a range."""
    return 100.0 * _mean(record, between)


@quantity(
    NoiseBands,
    name="relative accuracy change under noise",
    unit="%",
    error=lambda record, between: 100.0 * ratio(_error(record, between), record["clean"]),
)
def relative_change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands in a range, as a share of the clean accuracy."""
    return 100.0 * ratio(_mean(record, between), record["clean"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruptions(Measurement):
    """The accuracy under each of the fifteen corruptions; every run sees the same corrupted images.

    Attributes:
        when: the snapshot to measure at.
        images: number of test images, from the first on; None for all.
        severities: from 1 to 5.
    """

    name: ClassVar[str] = "corruptions"
    figure: ClassVar[str] = "corruptions"

    when: str = "end"
    images: int | None = None
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)

    def passes(self, there: Counts) -> int:
        """Return the number of test images, each once per severity."""
        return min(self.images or there.test, there.test) * len(self.severities)

    def measure(self, run: TrainedRun) -> Record:
        """Return the accuracy by corruption and severity."""
        from vitwork.analysis import robustness
        from vitwork.data.corruptions.corrupt import CORRUPTIONS
        from vitwork.data.images import normalise

        test = run.splits.test
        images, labels = test.images[: self.images], test.labels[: self.images]
        corrupted = _corrupted if images.numel() <= KEPT else _corrupted.__wrapped__
        found = robustness.corruptions(
            run.model(self.when),
            images,
            labels,
            lambda pixels: normalise(pixels, test.mean, test.std),
            severities=self.severities,
            draw=lambda part, *drawn: corrupted(test.images, (part.start, part.stop), run.device, *drawn),
        )
        by_severity = {
            name: [found.metrics[name, severity]["acc"] for severity in self.severities] for name in CORRUPTIONS
        }
        return {
            "names": list(CORRUPTIONS),
            "severities": list(self.severities),
            "accuracy": list(by_severity.values()),
            "clean": found.clean["acc"],
            "images": len(labels),
            **columns(found, "cost"),
        }


@lru_cache(maxsize=1024)
def _corrupted(images: Tensor, places: tuple[int, int], device: str, name: str, severity: int) -> Tensor:
    """Return corrupted images, at the given places of a set; a process draws them once for all its networks."""
    from vitwork.data.corruptions.corrupt import corrupt

    return corrupt(images[slice(*places)].to(device), name, severity, first=places[0])


def _accuracies(record: Record) -> list[float]:
    return [value for severities in record["accuracy"] for value in severities]


def _corrupted_error(record: Record) -> float:
    """Return an upper bound on the standard error over images of the mean accuracy."""
    return 100.0 * together(binomial(share, record["images"]) for share in _accuracies(record))


@quantity(Corruptions, name="accuracy under corruptions", unit="%", error=_corrupted_error)
def corrupted_accuracy(record: Record) -> float:
    """Return the unweighted mean accuracy over corruptions and severities, the paper's robustness."""
    return 100.0 * mean(_accuracies(record), "corruption")


@quantity(
    Corruptions,
    name="share of the accuracy kept under corruptions",
    unit="%",
    error=lambda record: ratio(_corrupted_error(record), record["clean"]),
)
def kept_accuracy(record: Record) -> float:
    """Return the mean accuracy under corruptions as a share of the clean accuracy."""
    return ratio(corrupted_accuracy.value(record), record["clean"])
