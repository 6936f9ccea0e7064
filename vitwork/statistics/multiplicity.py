"""Corrections for multiplicity: the false discovery rate over claims, and Holm's family-wise error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.decision import inclined, settling_seeds
from vitwork.statistics.effect import Effect, Verdict

Array = NDArray[np.float64]


def bh_adjust(p: ArrayLike, size: int) -> Array:
    """Return the q-values of Benjamini and Hochberg's procedure over a registered family; families lie on the last axis.

    Unmeasured members count as p = 1, as does NaN, so that measuring less never makes a q smaller. For reciprocals of
    e-values this is e-BH.

    Args:
        p: p-values of the measured members.
        size: number of members of the family, measured or not.

    Raises:
        VitworkError: more was measured than the family has.
    """
    values = np.nan_to_num(np.asarray(p, dtype=np.float64), nan=1.0)
    count = values.shape[-1]
    if count > size:
        raise VitworkError(f"{count} p-values of a family of {size}")
    order = np.argsort(values, axis=-1)
    scaled = np.take_along_axis(values, order, axis=-1) * size / np.arange(1, count + 1)
    least = np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(values)
    np.put_along_axis(adjusted, order, np.minimum(1.0, least), axis=-1)
    return adjusted


def holm_adjust(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values; NaN stays NaN and does not count as a hypothesis."""
    order = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    adjusted, largest = list(p), 0.0
    for rank, (value, place) in enumerate(order):
        largest = max(largest, min(1.0, value * (len(order) - rank)))
        adjusted[place] = largest
    return adjusted


def holm(effects: Sequence[Effect], alpha: float = 0.05) -> list[Effect]:
    """Return the effects with ``adjusted_p`` and the verdict at the level of the whole family.

    The probability of any wrong decision among the effects is at most ``alpha`` whatever their dependence. An effect
    that no test applied to (p is NaN) stays as it is. ``seeds_needed`` counts for the level that an undecided
    hypothesis faces in this family.

    Args:
        effects: the family, usually every hypothesis of a session; the order is kept.
        alpha: family-wise error rate.
    """
    return [
        _judged(effect, adjusted, alpha)
        for effect, adjusted in zip(effects, holm_adjust([e.p for e in effects]), strict=True)
    ]


def _judged(effect: Effect, adjusted: float, alpha: float) -> Effect:
    """Return one effect at the family's level."""
    if math.isnan(effect.p):
        return effect
    if adjusted <= alpha and not _barred(effect):
        undecided = effect.verdict is Verdict.INCONCLUSIVE  # if the family's alpha is larger than the effect's own
        verdict = inclined(effect) if undecided else effect.verdict
        return replace(effect, verdict=verdict, adjusted_p=adjusted, seeds_needed=None)
    needed = settling_seeds(effect, alpha * effect.p / adjusted if effect.p > 0.0 else alpha)
    return replace(effect, verdict=Verdict.INCONCLUSIVE, adjusted_p=adjusted, seeds_needed=needed)


def _barred(effect: Effect) -> bool:
    """Return whether the effect stays undecided: too few seeds, or no finite estimate to take a side from."""
    endless = math.isinf(effect.high - effect.low)
    return effect.verdict is Verdict.INCONCLUSIVE and (effect.obstacle is not None or endless)
