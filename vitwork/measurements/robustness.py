"""What spoils a run's predictions: noise of one band, corruptions, conflicting cues (paper, Fig. 2b and 12b)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import columns, mean, quantity, ratio

if TYPE_CHECKING:
    from vitwork.measurements.trained_run import TrainedRun

HIGH, LOW = (0.7, 0.9), (0.2, 0.5)
"""Bands in which the paper's two claims are tested, in units of π."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBands(Measurement):
    """The change of test accuracy under noise of each band; amplitude 0.7, the author's later remark.

    Attributes:
        when: at which snapshot.
        power: ``fixed`` amplitude per frequency, or ``equal`` power in every band.
        images: number of test images.
    """

    name: ClassVar[str] = "noise_bands"
    figure: ClassVar[str] = "noise_bands"

    when: str = "end"
    power: Literal["fixed", "equal"] = "fixed"
    images: int = 500

    def measure(self, run: TrainedRun) -> Record:
        """Return one change per band."""
        from vitwork.analysis import robustness
        from vitwork.data.noise_bands import Band

        band = Band(robustness.PAPER_FREQUENCIES[0], eps=0.7 if self.power == "fixed" else 0.3, power=self.power)
        images = run.test_batches(limit=self.images)
        found = robustness.noise_bands(run.model(self.when), images, band=band, seed=run.seed)
        return columns(found, "frequencies", "clean", "accuracy_change", "standard_error", "rms", "cost")


@quantity(NoiseBands, name="accuracy change under noise", unit="pp")
def change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands with centres in a range."""
    return 100.0 * _mean(record, between)


@quantity(NoiseBands, name="relative accuracy change under noise", unit="%")
def relative_change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands in a range, as a share of the clean accuracy."""
    return 100.0 * ratio(_mean(record, between), record["clean"])


def _mean(record: Record, between: tuple[float, float]) -> float:
    low, high = between
    chosen = [
        found
        for frequency, found in zip(record["frequencies"], record["accuracy_change"], strict=True)
        if low - 1e-9 <= frequency <= high + 1e-9
    ]
    return mean(chosen, f"band between {low:g}π and {high:g}π")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruptions(Measurement):
    """The accuracy under each of the fifteen corruptions; every run sees the same corrupted images.

    Attributes:
        when: at which snapshot.
        images: number of test images, from the first on.
        severities: from 1 to 5.
    """

    name: ClassVar[str] = "corruptions"
    figure: ClassVar[str] = "corruptions"

    when: str = "end"
    images: int = 10_000
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)

    def measure(self, run: TrainedRun) -> Record:
        """Return the accuracy by corruption and severity."""
        from vitwork.analysis import robustness
        from vitwork.data.corruptions.corrupt import CORRUPTIONS
        from vitwork.data.images import normalise

        test = run.splits.test
        found = robustness.corruptions(
            run.model(self.when),
            test.images[: self.images].to(run.device),
            test.labels[: self.images].to(run.device),
            lambda pixels: normalise(pixels, test.mean, test.std),
            severities=self.severities,
        )
        by_severity = {
            name: [found.metrics[name, severity]["acc"] for severity in self.severities] for name in CORRUPTIONS
        }
        return {
            "names": list(CORRUPTIONS),
            "severities": list(self.severities),
            "accuracy": list(by_severity.values()),
            "clean": found.clean["acc"],
            **columns(found, "cost"),
        }


@quantity(Corruptions, name="accuracy under corruptions", unit="%")
def corrupted_accuracy(record: Record) -> float:
    """Return the unweighted mean accuracy over corruptions and severities, the paper's robustness."""
    found = [value for severities in record["accuracy"] for value in severities]
    return 100.0 * mean(found, "corruption")


@quantity(Corruptions, name="share of the accuracy kept under corruptions", unit="%")
def kept_accuracy(record: Record) -> float:
    """Return the mean accuracy under corruptions as a share of the clean accuracy."""
    return ratio(corrupted_accuracy.value(record), record["clean"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CueConflict(Measurement):
    """How often the outline and how often the texture decides on drawn images where the two disagree.

    Attributes:
        when: at which snapshot.
        images: number of drawn images, and of test images whose cues agree.
    """

    name: ClassVar[str] = "cue_conflict"
    figure: ClassVar[str] = "cue_conflict"

    when: str = "end"
    images: int = 900

    def lack(self, arm: Arm) -> Lack | None:
        """Say where the cues of images cannot be set against each other, besides what every measurement lacks."""
        if arm.data.source != "embedded":
            why = "needs images whose cues can be set against each other: drawn ones"
            return Lack(Missing.UNFIT, arm.name, why)
        return Measurement.lack(self, arm)  # `super()` without arguments does not work in dataclasses with slots

    def measure(self, run: TrainedRun) -> Record:
        """Return the shares of decisions for outline and texture, and the accuracy where they agree."""
        import torch

        from vitwork.analysis import robustness
        from vitwork.data.drawn.embedded import conflict

        test, model = run.splits.test, run.model(self.when)
        drawn = conflict(self.images, size=test.images.shape[-1])
        shapes, textures = torch.from_numpy(drawn.shapes), torch.from_numpy(drawn.textures)
        against = replace(test, images=torch.from_numpy(drawn.images), labels=shapes)
        found = robustness.cue_conflict(model, run.batches(against), shapes, textures)
        agreeing = run.test_batches(limit=self.images)
        with torch.inference_mode():
            right = sum(int((model(x).argmax(1) == labels).sum()) for x, labels in agreeing)
        return {
            "shape_bias": found.bias,
            "shape_share": found.shape,
            "texture_share": found.texture,
            "accuracy": right / sum(len(labels) for _, labels in agreeing),
            "n": found.decided,
            **columns(found, "cost"),
        }


@quantity(CueConflict, name="shape bias", unit="%")
def shape_bias(record: Record) -> float:
    """Return the share of decisions for the outline among those for the outline or the texture (Geirhos et al. 2019)."""
    return 100.0 * float(record["shape_bias"])
