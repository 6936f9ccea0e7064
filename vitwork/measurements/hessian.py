"""Curvature of a run's training loss: the paper's Hessian max-eigenvalue spectra (Fig. 1c, 4, 7b)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitwork.measurements.base import Record, measurement, quantity

if TYPE_CHECKING:
    from vitwork.measurements.run import TrainedRun


@measurement
def spectrum(
    run: TrainedRun,
    *,
    when: str = "end",
    batchnorm: str = "eval",
    batches: int = 8,
    batch_size: int = 16,
    k: int = 5,
    which: str = "magnitude",
) -> Record:
    """Return the top eigenvalues of NLL + L2 on mini-batches of augmented training data (claim sheet 3.1)."""
    from typing import Any, cast

    from vitwork.analysis import hessian

    found = hessian.top_eigenvalues(
        run.model(when),
        run.training_batches(batches, batch_size),
        k=k,
        weight_decay=run.arm.recipe.weight_decay,
        which=cast("Any", which),
        batchnorm=cast("Any", batchnorm),
    )
    return {"eigenvalues": found.eigenvalues.tolist(), "residuals": found.residuals.tolist(), "batch_size": batch_size}


def _pooled(record: Record) -> list[float]:
    return [value for batch in record["eigenvalues"] for value in batch]


@quantity(spectrum, name="APE", scale="log-ratio")
def ape(record: Record) -> float:
    """Return the average positive eigenvalue: sharpness; NaN when none is positive."""
    positive = [value for value in _pooled(record) if value > 0]
    return sum(positive) / len(positive) if positive else math.nan


@quantity(spectrum, name="NEP", unit="%")
def nep(record: Record) -> float:
    """Return the negative eigenvalue proportion: the share of the pooled eigenvalues below zero."""
    pooled = _pooled(record)
    return 100.0 * sum(value < 0 for value in pooled) / len(pooled)


@quantity(spectrum, name="|λmin|/λmax", scale="difference")
def negativity(record: Record) -> float:
    """Return how far the spectrum reaches below zero, relative to above; needs ``which="extremes"``."""
    ratios = [max(0.0, -min(batch)) / max(batch) for batch in record["eigenvalues"]]
    return float(sum(ratios) / len(ratios))
