"""What a run's blocks do to spatial frequencies and variance (paper, Fig. 2a, 8 and 9)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import AbsentError, columns, log, mean, quantity, ratio

if TYPE_CHECKING:
    from vitwork.analysis import fourier
    from vitwork.analysis.variance import VarianceProfile
    from vitwork.measurements.trained_run import TrainedRun


Direction = Literal["diagonal", "radial"]
Window = Literal["hann"] | None
BLOCKS = ("blocks", "kinds", "stages", "downsamples", "cost")


def _passed(
    run: TrainedRun, when: str, images: int, direction: Direction = "diagonal", window: Window = None
) -> tuple[fourier.LogAmplitude, VarianceProfile]:
    """Return spectra and variances of the blocks' feature maps, from one pass over test images that is made once."""
    from vitwork.analysis.fourier import Spectra
    from vitwork.analysis.observe import observe
    from vitwork.analysis.variance import Variances

    def look() -> tuple[fourier.LogAmplitude, VarianceProfile]:
        blocks = run.blocks(when)
        spectra, variances = Spectra(blocks, direction=direction, window=window), Variances(blocks)
        cost = observe(blocks, run.test_batches(limit=images), spectra, variances)
        return spectra.result(cost), variances.result(cost)

    return run.once(("feature maps", when, images, direction, window), look)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAmplitude(Measurement):
    """Δ log amplitude per block and frequency, and its change across every block, over test images.

    Attributes:
        when: at which snapshot.
        images: number of test images.
        direction: ``diagonal`` as the paper, or ``radial``: the mean over all directions.
        window: ``hann`` tapers the maps' borders, a control for what these contribute; None as the paper.
    """

    name: ClassVar[str] = "log_amplitude"
    figure: ClassVar[str] = "log_amplitude"

    when: str = "end"
    images: int = 500
    direction: Direction = "diagonal"
    window: Window = None

    def measure(self, run: TrainedRun) -> Record:
        """Return the amplitudes relative to the mean and to the first frequency."""
        found, _ = _passed(run, self.when, self.images, self.direction, self.window)
        changes = {"DC": found.delta_changes, "first frequency": found.relative_changes}
        return {
            **columns(found, *BLOCKS, "frequencies", "delta", "delta_error", "relative", "relative_error"),
            "changes": {zero: [asdict(change) for change in across] for zero, across in changes.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance(Measurement):
    """The spatial variance of every block's feature map, and its change across every block.

    Attributes:
        when: at which snapshot.
        images: number of test images.
    """

    name: ClassVar[str] = "variance"
    figure: ClassVar[str] = "variance"

    when: str = "end"
    images: int = 500

    def measure(self, run: TrainedRun) -> Record:
        """Return the variances and the changes of their logarithm."""
        _, found = _passed(run, self.when, self.images)
        changes = [asdict(change) for change in found.log_changes]
        return {**columns(found, *BLOCKS, "variance", "error"), "changes": changes}


def _mean(changes: list[Record], kind: str) -> float:
    """Return the mean change over blocks of a kind that keep the resolution."""
    values = [change["value"] for change in changes if change["kind"] == kind and not change["jump"]]
    return mean(values, f"{kind} block that keeps the resolution")


def _within_stages(record: Record, changes: list[Record], kind: str) -> float:
    """Return the mean change over blocks of a kind behind another block of their stage."""
    before = dict(zip(record["blocks"][1:], record["stages"], strict=False))
    return _mean([change for change in changes if before.get(change["name"]) == change["stage"]], kind)


@quantity(LogAmplitude, name="high-frequency change of MSAs", unit="log amplitude")
def msa_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across MSA blocks."""
    return _mean(record["changes"][relative_to], "msa")


@quantity(LogAmplitude, name="high-frequency change of MLPs", unit="log amplitude")
def mlp_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across MLP blocks."""
    return _mean(record["changes"][relative_to], "mlp")


@quantity(LogAmplitude, name="high-frequency change of Convs", unit="log amplitude")
def conv_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across Conv blocks within a stage."""
    return _within_stages(record, record["changes"][relative_to], "conv")


@quantity(Variance, name="log variance change of MSAs")
def msa_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MSA blocks."""
    return _mean(record["changes"], "msa")


@quantity(Variance, name="log variance change of MLPs")
def mlp_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MLP blocks."""
    return _mean(record["changes"], "mlp")


@quantity(Variance, name="log variance change of Convs")
def conv_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across Conv blocks within a stage."""
    return _within_stages(record, record["changes"], "conv")


@quantity(Variance, name="log variance change of MSAs at stage starts")
def msa_variance_change_at_start(record: Record) -> float:
    """Return the mean change of the log feature-map variance across the first MSA of each stage."""
    first: dict[int, float] = {}
    for change in record["changes"]:
        if change["kind"] == "msa" and not change["jump"]:
            first.setdefault(change["stage"], change["value"])
    return mean(first.values(), "msa block that keeps the resolution")


@quantity(LogAmplitude, name="high-frequency change of early MSAs", unit="log amplitude")
def early_msa_change(record: Record, relative_to: str) -> float:
    """Return the mean change across the MSAs from the second to a quarter of the depth: the 2nd and 3rd of twelve."""
    values = [change["value"] for change in record["changes"][relative_to] if change["kind"] == "msa"]
    early = values[1 : max(2, len(values) // 4)]
    return mean(early, "second msa block")


@quantity(LogAmplitude, name="high frequencies of deep blocks above the embedding's", unit="log amplitude")
def deep_minus_stem(record: Record, relative_to: str) -> float:
    """Return the highest frequency's log amplitude in the deeper half of the blocks minus that after the stem."""
    highest = [values[-1] for values in record["delta" if relative_to == "DC" else "relative"]]
    deep = highest[(len(highest) + 1) // 2 :]
    return mean(deep, "block") - float(highest[0])


@quantity(Variance, name="slope of log variance over depth")
def variance_trend(record: Record) -> float:
    """Return the least-squares slope of the log feature-map variance over the normalised depth."""
    logs = [log(value) for value in record["variance"]]
    depths = [ratio(place, len(logs) - 1) for place in range(len(logs))]
    centre, level = mean(depths, "block"), mean(logs, "block")
    covariance = sum((x - centre) * (y - level) for x, y in zip(depths, logs, strict=True))
    return ratio(covariance, sum((x - centre) ** 2 for x in depths))


def _by_stage(record: Record) -> list[list[float]]:
    """Return the log variances of each stage's blocks, the stem left out."""
    stages: dict[int, list[float]] = {}
    for stage, value in zip(record["stages"], record["variance"], strict=True):
        if stage > 0:
            stages.setdefault(stage, []).append(log(value))
    return list(stages.values())


@quantity(Variance, name="smallest lead of a stage's last block", unit="log variance")
def lead_of_stage_end(record: Record) -> float:
    """Return by how much the last block's log variance exceeds all others of its stage, in the stage where it least does."""
    leads = [values[-1] - max(values[:-1]) for values in _by_stage(record) if len(values) > 1]
    if not leads:
        raise AbsentError("stage of several blocks")
    return min(leads)


@quantity(Variance, name="change of log variance between stages")
def reset_between_stages(record: Record) -> float:
    """Return the mean change of the log variance from the last block of a stage to the first of the next."""
    steps = [after[0] - before[-1] for before, after in pairwise(_by_stage(record))]
    return mean(steps, "second stage")
