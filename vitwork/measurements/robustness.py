"""What noise of one frequency band costs (paper, Fig. 2b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitwork.measurements.base import Record, measurement, quantity

if TYPE_CHECKING:
    from vitwork.measurements.run import TrainedRun

HIGH, LOW = (0.7, 0.9), (0.2, 0.5)
"""Bands in which the claim sheet places the paper's two claims, in units of π."""


@measurement
def noise_bands(run: TrainedRun, *, when: str = "end", power: str = "fixed", images: int = 500) -> Record:
    """Return the change of test accuracy under noise of each band; amplitude 0.7, the author's later remark."""
    from typing import Any, cast

    from vitwork.analysis import robustness
    from vitwork.data.noise import Band

    band = Band(robustness.PAPER_FREQUENCIES[0], eps=0.7 if power == "fixed" else 0.3, power=cast("Any", power))
    found = robustness.noise_bands(run.model(when), run.test_batches(limit=images), band=band, seed=run.seed)
    return {
        "frequencies": list(found.frequencies),
        "clean": found.clean,
        "accuracy_change": list(found.accuracy_change),
        "rms": list(found.rms),
    }


@quantity(noise_bands, name="accuracy change under noise", unit="pp")
def change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands with centres in a range."""
    return 100.0 * _mean(record, between)


@quantity(noise_bands, name="relative accuracy change under noise", unit="%")
def relative_change(record: Record, between: tuple[float, float]) -> float:
    """Return the mean change of accuracy over the bands in a range, as a share of the clean accuracy."""
    return 100.0 * _mean(record, between) / float(record["clean"])


def _mean(record: Record, between: tuple[float, float]) -> float:
    low, high = between
    chosen = [
        found
        for frequency, found in zip(record["frequencies"], record["accuracy_change"], strict=True)
        if low - 1e-9 <= frequency <= high + 1e-9
    ]
    return float(sum(chosen) / len(chosen))
