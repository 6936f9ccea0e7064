"""What a run's blocks do to spatial frequencies and variance (paper, Fig. 2a, 8 and 9)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from vitwork.measurements.base import Record, columns, measurement, quantity

if TYPE_CHECKING:
    from vitwork.analysis.fourier import LogAmplitude
    from vitwork.analysis.variance import VarianceProfile
    from vitwork.measurements.run import TrainedRun


BLOCKS = ("blocks", "kinds", "stages", "downsamples", "cost")


def _passed(run: TrainedRun, when: str, images: int) -> tuple[LogAmplitude, VarianceProfile]:
    """Return spectra and variances of the blocks' feature maps, from one pass over test images that is made once."""
    from vitwork.analysis.fourier import Spectra
    from vitwork.analysis.observe import observe
    from vitwork.analysis.variance import Variances

    def look() -> tuple[LogAmplitude, VarianceProfile]:
        blocks = run.blocks(when)
        spectra, variances = Spectra(blocks), Variances(blocks)
        cost = observe(blocks, run.test_batches(limit=images), spectra, variances)
        return spectra.result(cost), variances.result(cost)

    return run.once(("feature maps", when, images), look)


@measurement
def log_amplitude(run: TrainedRun, *, when: str = "end", images: int = 500) -> Record:
    """Return Δ log amplitude per block and frequency, and its change across every block, over test images."""
    found, _ = _passed(run, when, images)
    changes = {"DC": found.delta_changes, "first frequency": found.relative_changes}
    return {
        **columns(found, *BLOCKS, "frequencies", "delta", "delta_error", "relative", "relative_error"),
        "changes": {zero: [asdict(change) for change in across] for zero, across in changes.items()},
    }


@measurement
def variance(run: TrainedRun, *, when: str = "end", images: int = 500) -> Record:
    """Return the spatial variance of every block's feature map, and its change across every block."""
    _, found = _passed(run, when, images)
    changes = [asdict(change) for change in found.log_changes]
    return {**columns(found, *BLOCKS, "variance", "error"), "changes": changes}


def _mean(changes: list[Record], kind: str) -> float:
    """Return the mean change over blocks of a kind that keep the resolution."""
    values = [change["value"] for change in changes if change["kind"] == kind and not change["jump"]]
    return float(sum(values) / len(values))


@quantity(log_amplitude, name="high-frequency change of MSAs", unit="log amplitude")
def msa_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across MSA blocks."""
    return _mean(record["changes"][relative_to], "msa")


@quantity(log_amplitude, name="high-frequency change of MLPs", unit="log amplitude")
def mlp_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across MLP blocks."""
    return _mean(record["changes"][relative_to], "mlp")


@quantity(log_amplitude, name="high-frequency change of Convs", unit="log amplitude")
def conv_change(record: Record, relative_to: str) -> float:
    """Return the mean change of the highest frequency's log amplitude across Conv blocks within a stage."""
    return _mean(record["changes"][relative_to], "conv")


@quantity(variance, name="log variance change of MSAs")
def msa_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MSA blocks."""
    return _mean(record["changes"], "msa")


@quantity(variance, name="log variance change of MLPs")
def mlp_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across MLP blocks."""
    return _mean(record["changes"], "mlp")


@quantity(variance, name="log variance change of Convs")
def conv_variance_change(record: Record) -> float:
    """Return the mean change of the log feature-map variance across Conv blocks within a stage."""
    return _mean(record["changes"], "conv")
