"""What a run's blocks do to spatial frequencies and variance (paper, Fig. 2a, 8 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitwork.measurements.base import Record, measurement, quantity

if TYPE_CHECKING:
    from vitwork.measurements.run import TrainedRun


@measurement
def log_amplitude(run: TrainedRun, *, when: str = "end", images: int = 500) -> Record:
    """Return Δ log amplitude per block and frequency, and its change across every block, over test images."""
    from vitwork.analysis import fourier

    found = fourier.log_amplitude(run.blocks(when), run.test_batches(limit=images))
    return {
        "blocks": list(found.blocks),
        "kinds": list(found.kinds),
        "stages": list(found.stages),
        "downsamples": list(found.downsamples),
        "frequencies": [values.tolist() for values in found.frequencies],
        "delta": [values.tolist() for values in found.delta],
        "relative": [values.tolist() for values in found.relative],
        "changes": {
            "DC": [_change(change) for change in found.delta_changes],
            "first frequency": [_change(change) for change in found.relative_changes],
        },
    }


@measurement
def variance(run: TrainedRun, *, when: str = "end", images: int = 500) -> Record:
    """Return the spatial variance of every block's feature map, and its change across every block."""
    from vitwork.analysis.variance import by_block

    found = by_block(run.blocks(when), run.test_batches(limit=images))
    return {
        "blocks": list(found.blocks),
        "kinds": list(found.kinds),
        "stages": list(found.stages),
        "downsamples": list(found.downsamples),
        "variance": list(found.variance),
        "changes": [_change(change) for change in found.log_changes],
    }


def _change(change: object) -> Record:
    return {name: getattr(change, name) for name in ("name", "kind", "stage", "jump", "value", "error")}


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
