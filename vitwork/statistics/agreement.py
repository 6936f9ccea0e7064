"""Rank correlations over arms: each seed's own order of the arms, with the seeds as replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.comparison import Values, compare, vector
from vitwork.statistics.contrasts import StudentContrast, linear
from vitwork.statistics.decision import Question, decide, undecided
from vitwork.statistics.effect import Effect, Obstacle, Test
from vitwork.statistics.power import FEWEST_SEEDS

Array = NDArray[np.float64]


def rank_agreement(arms: ArrayLike, levels: Sequence[float] | None = None) -> Array:
    """Return Kendall's tau between the claimed order and each seed's own order of the arms.

    Args:
        arms: values (arms, seeds), or (arms, …, seeds).
        levels: the claimed ranks of the arms, 0, 1, 2, … by default; arms of one rank are not compared with each other.

    Returns:
        One number in [-1, 1] per seed.

    Raises:
        VitworkError: when there is not one level per arm, or only one rank.
    """
    table = np.asarray(arms, dtype=np.float64)
    places = np.arange(len(table)) if levels is None else np.asarray(levels, dtype=np.float64)
    if places.size != len(table) or places.size < 2 or np.ptp(places) == 0.0:
        raise VitworkError("a rank correlation needs one level for each arm, not all alike")
    first, second = np.triu_indices(len(table), k=1)
    signs = np.sign(places[second] - places[first])
    used = signs != 0.0
    left, right = table[first[used]], table[second[used]]
    agreement = (right > left).astype(np.float64) - (right < left)  # a difference would be NaN for infinities
    tau: Array = np.tensordot(signs[used], agreement, axes=1) / used.sum()
    return tau


def exchangeable_variance(levels: Sequence[float]) -> float:
    """Return the variance of one seed's tau if all orders of the arms are equally likely (Kendall, with tied ranks)."""
    _, ties = np.unique(np.asarray(levels, dtype=np.float64), return_counts=True)
    k = int(ties.sum())
    pairs = (k * (k - 1) - (ties * (ties - 1)).sum()) / 2.0
    spread = k * (k - 1) * (2 * k + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()
    return float(spread / 18.0 / pairs**2)


def rank_contrast(tau: Array, variance: float) -> StudentContrast:
    """Contrast the mean of the seeds' taus (on the last axis), with an error no smaller than for arms without order.

    If all seeds agree in every rank, their own spread is zero, and the mean would seem to be known without error.
    """
    found = linear([tau], [1.0])
    error = np.maximum(found.error, math.sqrt(variance / tau.shape[-1]))
    return StudentContrast(found.estimate, error, found.df, Test.RANKS)


def rank_correlation(
    arms: Sequence[Values],
    alpha: float = 0.05,
    *,
    levels: Sequence[float] | None = None,
    anytime: bool = False,
) -> Effect:
    """Decide whether a quantity rises with claimed ranks of the arms, by Kendall's tau.

    The i-th networks of all arms give one tau, and these are the replicates; seeds without a partner wait.

    Args:
        arms: one sample per arm.
        alpha: two-sided error rate.
        levels: claimed ranks, ties allowed; 0, 1, 2, … by default.
        anytime: decide validly after every seed, by bets on the taus' signs.
    """
    samples = [vector(arm) for arm in arms]
    n = min((sample.size for sample in samples), default=0)
    places = list(range(len(samples))) if levels is None else list(levels)
    question = Question("greater", 0.0, alpha)
    if n < FEWEST_SEEDS:
        return undecided(question, n, n, Obstacle.FEW_SEEDS)
    table = np.stack([sample[:n] for sample in samples])
    if np.isnan(table).any():
        return undecided(question, n, n, Obstacle.UNKNOWN_VALUE)
    tau = rank_agreement(table, places)
    if anytime:
        return compare(tau, 0.0, "greater", 0.0, alpha, scale="probability", anytime=True)
    effect = decide(rank_contrast(tau, exchangeable_variance(places)), question, n, 0)
    return replace(effect, low=max(-1.0, effect.low), high=min(1.0, effect.high))  # no correlation lies beyond
