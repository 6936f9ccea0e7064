"""Compares a quantity's measurement error with its spread over seeds, to decide whether the quantity can be tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitwork.statistics.comparison import Values, on_scale, vector
from vitwork.statistics.effect import Scale

LARGEST_SHARE = 0.5
"""Largest ratio of a quantity's own standard error to its spread over seeds at which the quantity is tested."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A quantity's own error against its spread over networks.

    Attributes:
        error: root mean square of the measurements' standard errors over networks; NaN if none is known.
        spread: standard deviation over seeds, pooled within arms; it contains the error.
        testable: whether the error is at most half of the spread, or unknown.
    """

    error: float
    spread: float
    testable: bool


def measured_noise(arms: Sequence[Values], errors: Sequence[Values], scale: Scale = "difference") -> Noise:
    """Compare the measurements' standard errors with the spread over seeds.

    Args:
        arms: one sample per arm, as they are measured.
        errors: the standard error of every value, None if unknown; in units of the values, also for a ``log-ratio``.
        scale: the quantity's scale, on which both are compared.
    """
    squares, within, freedom = [], 0.0, 0
    for arm, own in zip(arms, errors, strict=True):
        values, error = vector(arm), vector(own)
        if scale == "log-ratio":
            with np.errstate(divide="ignore", invalid="ignore"):
                error = error / values
        values, error = on_scale(values, scale), on_scale(error, "difference")
        squares += [float(square) for square in error**2 if math.isfinite(square)]
        values = values[np.isfinite(values)]
        if values.size > 1:
            within += float(((values - values.mean()) ** 2).sum())
            freedom += values.size - 1
    error_size = math.sqrt(sum(squares) / len(squares)) if squares else math.nan
    spread = math.sqrt(within / freedom) if freedom else math.nan
    return Noise(error_size, spread, testable=not error_size > LARGEST_SHARE * spread)
