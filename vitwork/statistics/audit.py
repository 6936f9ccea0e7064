"""Checks an assumption of the decisions: whether a session's quantities are plainly skewed on their scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vitwork.statistics.comparison import Values, on_scale, vector
from vitwork.statistics.effect import Scale

CRITICAL = 2.6
"""Skewness in standard errors from which a quantity is plainly skewed by itself (by simulation, docs/statistics.md)."""

TOGETHER = 0.02
"""Error rate at which a session's other quantities count as plainly skewed together (also chosen by simulation)."""


@dataclass(frozen=True, slots=True)
class Skewness:
    """What the residuals of a quantity show, pooled over arms.

    Attributes:
        estimate: mean over arms of the sample skewness, which few seeds pull towards 0.
        z: the same in units of its standard error for normal data; NaN if no arm has three different values.
        residuals: values that took part.
        plain: whether the quantity is plainly skewed by itself, so that its tests use the stronger guard.
    """

    estimate: float
    z: float
    residuals: int
    plain: bool


def audit_skewness(arms: Sequence[Values], scale: Scale = "difference") -> Skewness:
    """Judge the skewness of one quantity from its values over seeds in all arms of a session.

    Every arm is centred and scaled by itself, so that neither differences between arms nor unequal spreads matter. Runs
    without a finite value on the scale are left out. Skewness does not affect an order (``probability``).

    Args:
        arms: one sample per arm.
        scale: the quantity's declared scale.
    """
    samples = [on_scale(vector(arm), scale) for arm in arms]
    samples = [sample[np.isfinite(sample)] for sample in samples]
    samples = [sample for sample in samples if sample.size >= 3 and np.ptp(sample) > 0.0]
    if not samples:
        return Skewness(math.nan, math.nan, 0, plain=False)
    estimate, z = pooled_skewness(samples)
    plain = scale != "probability" and bool(plainly(float(z)))
    return Skewness(float(estimate), float(z), sum(sample.size for sample in samples), plain)


def plainly(z: Any) -> Any:
    """Return whether a skewness of `z` standard errors is plain."""
    return np.abs(z) > CRITICAL


def plainly_together(z: ArrayLike) -> Any:
    """Return whether the quantities of a session are plainly skewed together, without those that are so by themselves.

    A few seeds of a few arms show little of one quantity's skewness. The sum of z² over quantities shows the skewness
    of the whole session. For normal data of independent quantities it is χ² distributed with one degree of freedom for
    each. A single quantity never counts as skewed together.

    Args:
        z: skewness in standard errors, quantities on the last axis; NaN takes no part.
    """
    from scipy.special import chdtrc

    z = np.asarray(z, dtype=np.float64)
    counted = ~(plainly(z) | np.isnan(z))
    number, total = counted.sum(axis=-1), np.where(counted, z**2, 0.0).sum(axis=-1)
    return (number > 1) & (chdtrc(np.maximum(number, 1), total) < TOGETHER)


def pooled_skewness(samples: Sequence[ArrayLike]) -> tuple[Any, Any]:
    """Return the mean skewness of samples and its standardised value; samples lie on the last axis.

    The variance of a normal sample's skewness is Fisher's exact one, 6 (n - 2) / ((n + 1) (n + 3)).
    """
    skews, variances = [], []
    for sample in samples:
        values = np.asarray(sample, dtype=np.float64)
        n = values.shape[-1]
        centred = values - values.mean(axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            skew = np.mean(centred**3, axis=-1) / np.mean(centred**2, axis=-1) ** 1.5
        skews.append(np.nan_to_num(skew))
        variances.append(6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0)))
    estimate = np.mean(skews, axis=0)
    return estimate, estimate * len(skews) / math.sqrt(sum(variances))
