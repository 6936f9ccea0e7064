"""Spatial frequencies and variance of the feature maps of a run's blocks (paper, Fig. 2a, 8 and 9)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from vitwork.design.measurement import Measurement, Record
from vitwork.language.quantity import AbsentError, Quantity, columns, log, mean, quantity, ratio
from vitwork.measurements.errors import together

if TYPE_CHECKING:
    from vitwork.analysis import fourier
    from vitwork.analysis.variance import VarianceProfile
    from vitwork.measurements.trained_run import TrainedRun


Direction = Literal["diagonal", "radial"]
Window = Literal["hann"] | None
BLOCKS = ("blocks", "kinds", "stages", "downsamples", "left_out", "cost")


def _passed(
    run: TrainedRun, when: str, images: int, direction: Direction = "diagonal", window: Window = None
) -> tuple[fourier.LogAmplitude, VarianceProfile]:
    """Return spectra and variances of the blocks' feature maps, from one pass over test images that both share."""
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
        when: the snapshot to measure at.
        images: number of test images.
        direction: ``diagonal`` as in the paper, or ``radial``: the mean over all directions.
        window: ``hann`` tapers the maps' borders, a control for their contribution; None as in the paper.
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
        when: the snapshot to measure at.
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


def _spans(count: int, start: float, stop: float) -> range:
    """Return the indices of blocks with centres in a part of the depth: the first third of twelve blocks is four."""
    inside = [place for place in range(count) if start <= (place + 0.5) / count < stop]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def _chosen(changes: list[Record], kind: str, start: float = 0.0, stop: float = 1.0) -> list[Record]:
    """Return the changes across blocks of a kind that keep the resolution and lie in a part of the depth."""
    of_kind = [change for change in changes if change["kind"] == kind]
    return [of_kind[place] for place in _spans(len(of_kind), start, stop) if not of_kind[place]["jump"]]


def _behind_another(record: Record, changes: list[Record], kind: str) -> list[Record]:
    """Return the changes across blocks of a kind that follow another block of their stage."""
    before = dict(zip(record["blocks"][1:], record["stages"], strict=False))
    return [change for change in _chosen(changes, kind) if before.get(change["name"]) == change["stage"]]


def _mean(changes: list[Record], kind: str) -> float:
    return mean((change["value"] for change in changes), f"{kind} block that keeps the resolution")


def _error(changes: list[Record]) -> float:
    return together(change["error"] for change in changes)


def _filter(name: str, kind: str, start: float = 0.0, stop: float = 1.0) -> Quantity:
    """Return the quantity of the mean high-frequency change across blocks of a kind in a part of the depth."""

    def value(record: Record, relative_to: str) -> float:
        """Return the mean change of the highest frequency's log amplitude."""
        return _mean(_chosen(record["changes"][relative_to], kind, start, stop), kind)

    def error(record: Record, relative_to: str) -> float:
        """Return an upper bound on the standard error of `value` over images."""
        return _error(_chosen(record["changes"][relative_to], kind, start, stop))

    return quantity(LogAmplitude, f"high-frequency change of {name}", "log amplitude", error=error)(value)


msa_change = _filter("MSAs", "msa")
early_msa_change = _filter("MSAs in the first quarter", "msa", stop=1 / 4)
later_msa_change = _filter("MSAs after the first quarter", "msa", start=1 / 4)
mlp_change = _filter("MLPs", "mlp")
later_mlp_change = _filter("MLPs after the first third", "mlp", start=1 / 3)


@quantity(
    LogAmplitude,
    name="high-frequency change of Convs",
    unit="log amplitude",
    error=lambda record, relative_to: _error(_behind_another(record, record["changes"][relative_to], "conv")),
)
def conv_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across Conv blocks within a stage."""
    return _mean(_behind_another(record, record["changes"][relative_to], "conv"), "conv")


def _highest(record: Record, relative_to: str, of: str = "") -> list[float]:
    """Return the log amplitude at each block's highest frequency, or its error, if the map has one above zero."""
    key, least = ("delta", 2) if relative_to == "DC" else ("relative", 3)
    sizes, values = record[key], record[key + of]
    return [found[-1] for size, found in zip(sizes, values, strict=True) if len(size) >= least]


def _deep(values: list[float]) -> list[float]:
    return values[(len(values) + 1) // 2 :]


def _deep_error(record: Record, relative_to: str) -> float:
    errors = _highest(record, relative_to, "_error")
    return math.hypot(together(_deep(errors)), errors[0])


@quantity(
    LogAmplitude, name="high frequencies of deep blocks above the stem's", unit="log amplitude", error=_deep_error
)
def deep_minus_stem(record: Record, relative_to: str) -> float:
    """Return the highest frequency's log amplitude in the deeper half of the blocks minus that after the stem."""
    highest = _highest(record, relative_to)
    return mean(_deep(highest), "block") - float(highest[0])


def _at(record: Record, frequency: float, of: str = "") -> list[float]:
    """Return each block's log amplitude relative to the mean, or its error, interpolated at a frequency (in π)."""
    import numpy as np

    pairs = zip(record["frequencies"], record["delta" + of], strict=True)
    return [float(np.interp(frequency, own, values)) for own, values in pairs if len(own) > 1 and own[-1] >= frequency]


def _deep_error_at(record: Record, frequency: float) -> float:
    errors = _at(record, frequency, "_error")
    return math.hypot(together(_deep(errors)), errors[0])


@quantity(
    LogAmplitude,
    name="amplitude of deep blocks above the stem's at one frequency",
    unit="log amplitude",
    error=_deep_error_at,
)
def deep_minus_stem_at(record: Record, frequency: float) -> float:
    """Return the log amplitude at a frequency (in units of π) in the deeper half of the blocks minus the stem's."""
    found = _at(record, frequency)
    return mean(_deep(found), "block") - float(found[0])


@quantity(Variance, name="log variance change of MSAs", error=lambda record: _error(_chosen(record["changes"], "msa")))
def msa_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MSA blocks."""
    return _mean(_chosen(record["changes"], "msa"), "msa")


@quantity(Variance, name="log variance change of MLPs", error=lambda record: _error(_chosen(record["changes"], "mlp")))
def mlp_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MLP blocks."""
    return _mean(_chosen(record["changes"], "mlp"), "mlp")


@quantity(
    Variance,
    name="log variance change of Convs",
    error=lambda record: _error(_behind_another(record, record["changes"], "conv")),
)
def conv_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across Conv blocks within a stage."""
    return _mean(_behind_another(record, record["changes"], "conv"), "conv")


def _msas_of_stages(record: Record, place: Literal["first", "last"]) -> list[Record]:
    """Return the change across the first or the last MSA of each stage."""
    found: dict[int, Record] = {}
    for change in _chosen(record["changes"], "msa"):
        if place == "last" or change["stage"] not in found:
            found[change["stage"]] = change
    return list(found.values())


@quantity(
    Variance,
    name="log variance change of a stage's MSA",
    error=lambda record, place: _error(_msas_of_stages(record, place)),
)
def stage_msa_variance_change(record: Record, place: Literal["first", "last"]) -> float:
    """Return the mean change of the log feature-map variance across the ``first`` or the ``last`` MSA of each stage."""
    return _mean(_msas_of_stages(record, place), "msa")


def _slope_weights(count: int) -> list[float]:
    """Return the weights of the least-squares slope over the normalised depth of `count` blocks."""
    depths = [ratio(place, count - 1) for place in range(count)]
    centre = mean(depths, "block")
    squares = sum((depth - centre) ** 2 for depth in depths)
    return [ratio(depth - centre, squares) for depth in depths]


def _log_errors(record: Record) -> list[float]:
    """Return the standard errors of the logarithms of the variances."""
    return [ratio(error, value) for error, value in zip(record["error"], record["variance"], strict=True)]


def _trend_error(record: Record) -> float:
    errors = _log_errors(record)
    return sum(abs(weight) * error for weight, error in zip(_slope_weights(len(errors)), errors, strict=True))


@quantity(Variance, name="slope of log variance over depth", error=_trend_error)
def variance_trend(record: Record) -> float:
    """Return the least-squares slope of the log feature-map variance over the normalised depth."""
    logs = [log(value) for value in record["variance"]]
    return sum(weight * value for weight, value in zip(_slope_weights(len(logs)), logs, strict=True))


def _by_stage(record: Record, values: list[float]) -> list[list[float]]:
    """Return the values of each stage's blocks, without the stem."""
    stages: dict[int, list[float]] = {}
    for stage, value in zip(record["stages"], values, strict=True):
        if stage > 0:
            stages.setdefault(stage, []).append(value)
    return list(stages.values())


def _log_variances(record: Record) -> list[list[float]]:
    return _by_stage(record, [log(value) for value in record["variance"]])


def _smallest_lead(record: Record) -> tuple[float, float]:
    """Return the smallest lead of a stage's last block over the highest of its others, and a bound on its error.

    The blocks are measured on the same images, so their errors do not average out.
    """
    stages = zip(_log_variances(record), _by_stage(record, _log_errors(record)), strict=True)
    leads = []
    for (*logs, last), (*errors, last_error) in stages:
        if logs:
            highest, error = max(zip(logs, errors, strict=True))
            leads.append((last - highest, last_error + error))
    if not leads:
        raise AbsentError("stage of several blocks")
    return min(leads)


@quantity(
    Variance,
    name="smallest lead of a stage's last block",
    unit="log variance",
    error=lambda record: _smallest_lead(record)[1],
)
def lead_of_stage_end(record: Record) -> float:
    """Return how far the last block's log variance exceeds all others of its stage, as the minimum over stages."""
    return _smallest_lead(record)[0]


def _smallest_fall(record: Record) -> tuple[float, float]:
    """Return the smallest fall from a stage's last block to the next one's first, and a bound on its standard error."""
    logs, errors = _log_variances(record), _by_stage(record, _log_errors(record))
    falls = [before[-1] - after[0] for before, after in pairwise(logs)]
    if not falls:
        raise AbsentError("second stage")
    return min(zip(falls, (before[-1] + after[0] for before, after in pairwise(errors)), strict=True))


@quantity(
    Variance,
    name="smallest fall between stages",
    unit="log variance",
    error=lambda record: _smallest_fall(record)[1],
)
def fall_between_stages(record: Record) -> float:
    """Return the smallest fall of log variance from a stage's last block to the next stage's first, over all stages."""
    return _smallest_fall(record)[0]
