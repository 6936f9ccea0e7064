"""Predictions on conflicting cues: drawn outline and texture, or Fourier phases and amplitudes (after Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from vitwork.design.arm import Arm
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement, Record
from vitwork.errors import UnfitError
from vitwork.language.quantity import columns, quantity
from vitwork.measurements.errors import binomial

if TYPE_CHECKING:
    from torch import Tensor

    from vitwork.measurements.trained_run import TrainedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class CueConflict(Measurement):
    """How often the outline and how often the texture determines the prediction on drawn images where the two disagree.

    Attributes:
        when: the snapshot to measure at.
        images: number of drawn images, and of test images whose cues agree.
    """

    name: ClassVar[str] = "cue_conflict"
    figure: ClassVar[str] = "cue_conflict"

    when: str = "end"
    images: int = 900

    def lack(self, arm: Arm) -> Lack | None:
        """Return what an arm lacks to be measured: images whose cues can conflict, or as for the base class."""
        if arm.data.source != "embedded":
            why = "needs images whose cues can be set against each other: drawn ones"
            return Lack(Missing.UNFIT, arm.name, why)
        return Measurement.lack(self, arm)  # `super()` without arguments does not work in dataclasses with slots

    def measure(self, run: TrainedRun) -> Record:
        """Return the shares of predictions of outline and of texture, and the accuracy where the two agree."""
        import torch

        from vitwork.analysis import robustness
        from vitwork.analysis.targets import chosen
        from vitwork.data.drawn.embedded import conflict
        from vitwork.device.parts import in_parts

        test, model = run.splits.test, run.model(self.when)
        drawn = conflict(self.images, size=test.images.shape[-1])
        shapes, textures = torch.from_numpy(drawn.shapes), torch.from_numpy(drawn.textures)
        against = replace(test, images=torch.from_numpy(drawn.images), labels=shapes)
        found = robustness.cue_conflict(model, run.batches(against), shapes, textures)
        agreeing = run.test_batches(limit=self.images)
        with torch.inference_mode():
            right = sum(int((chosen(in_parts(model, x)) == labels).sum()) for x, labels in agreeing)
        return {
            "shape_bias": found.bias,
            "shape_share": found.shape,
            "texture_share": found.texture,
            "accuracy": right / sum(len(labels) for _, labels in agreeing),
            "n": found.decided,
            **columns(found, "cost"),
        }


def _bias_error(record: Record) -> float:
    return 100.0 * binomial(record["shape_bias"], record["n"])


@quantity(CueConflict, name="shape bias", unit="%", error=_bias_error)
def shape_bias(record: Record) -> float:
    """Return the share of predictions of the outline's class among those of either cue's (Geirhos et al. 2019)."""
    return 100.0 * float(record["shape_bias"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConflict(Measurement):
    """How often Fourier phases and how often amplitudes determine the prediction, on images that mix two classes.

    Each image has the phases of one image and the amplitudes of an image of another class. The phases of an image's
    Fourier transform keep its outlines, the amplitudes its texture (Oppenheim & Lim 1981).

    Attributes:
        when: the snapshot to measure at.
        images: number of test images; None for all.
    """

    name: ClassVar[str] = "phase_conflict"

    when: str = "end"
    images: int | None = None

    def measure(self, run: TrainedRun) -> Record:
        """Return the shares of predictions of the class of the phases and of the class of the amplitudes."""
        import torch

        from vitwork.analysis import robustness

        test = run.splits.test
        phases = test.labels[: self.images]
        partners = torch.tensor(others(phases.tolist()))
        size = min(250, run.at_once)
        parts = (slice(start, min(start + size, len(phases))) for start in range(0, len(phases), size))
        mixed = ((mixed_cues(test.normalised(part), test.normalised(partners[part])), phases[part]) for part in parts)
        found = robustness.cue_conflict(run.model(self.when), mixed, phases, phases[partners])
        return {
            "shape_bias": found.bias,
            "shape_share": found.shape,
            "texture_share": found.texture,
            "n": found.decided,
            **columns(found, "cost"),
        }


def others(labels: Sequence[int]) -> list[int]:
    """Return, for each image, the index of the next image of another class; the first image follows the last.

    Raises:
        UnfitError: there is only one class.
    """
    if len(set(labels)) < 2:
        raise UnfitError("Cues conflict between images of two classes or more.")
    count = len(labels)
    return [
        next(other % count for other in range(place + 1, place + count) if labels[other % count] != labels[place])
        for place in range(count)
    ]


def mixed_cues(phases: Tensor, amplitudes: Tensor) -> Tensor:
    """Return images (b, c, h, w) with the phases of one batch's spectra and the amplitudes of another's."""
    import torch

    phase, amplitude = (torch.fft.rfft2(images.float()) for images in (phases, amplitudes))
    mixed: Tensor = torch.fft.irfft2(torch.polar(amplitude.abs(), phase.angle()), s=phases.shape[-2:])
    return mixed


@quantity(PhaseConflict, name="bias to phases over amplitudes", unit="%", error=_bias_error)
def phase_bias(record: Record) -> float:
    """Return the share of predictions of the phases' class among those of the phases' or the amplitudes' class."""
    return 100.0 * float(record["shape_bias"])
