"""Hypotheses over more than two arms, and of no difference: trends, orders, rank correlations, equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.comparison import Values, compare, on_scale, vector
from vitwork.statistics.contrasts import Contrast, has_spread, linear, penalty_of
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, settling_seeds, undecided
from vitwork.statistics.effect import Alternative, Effect, Obstacle, Scale, Verdict
from vitwork.statistics.evalues import STOPPING_LOGS, STOPPING_RAW, safe_linear

Array = NDArray[np.float64]


def trend(
    arms: Sequence[Values],
    alternative: Alternative = "less",
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    levels: Sequence[float] | None = None,
    scale: Scale = "difference",
    anytime: bool = False,
) -> Effect:
    """Decide whether a quantity falls (``less``) or rises (``greater``) over ordered arms, by regression over seeds.

    The slope is the least-squares slope of the arms' means on their levels, every arm weighing the same; it is tested
    as one linear contrast of independent arms. Runs without a finite value leave the trend undecided.

    Args:
        arms: one sample per arm, in the order of the levels.
        alternative: sign of the slope that the paper claims, relative to ``margin``.
        margin: slope that separates the sides.
        alpha: two-sided error rate.
        levels: positions of the arms; 0, 1, 2, … by default. Give logarithms for sizes that grow by factors.
        scale: ``difference`` for the slope of the values, ``log-ratio`` for that of their logarithms.
        anytime: decide validly after every seed, by an e-process of the slope that the i-th seeds of all arms have.
    """
    if scale not in ("difference", "log-ratio"):
        raise VitworkError(f"a trend is a slope of values or of their logarithms; it has no {scale}")
    question = Question(alternative, margin, alpha, "slope" if scale == "difference" else scale)
    weights = slope_weights(len(arms), levels)
    samples = [on_scale(vector(arm), scale) for arm in arms]
    sizes = [sample.size for sample in samples]
    fewest, most = min(sizes), max(sizes)
    if fewest < FEWEST_SEEDS:
        return undecided(question, fewest, most, Obstacle.FEW_SEEDS)
    if not all(np.isfinite(sample).all() for sample in samples):
        return undecided(question, fewest, most, Obstacle.UNKNOWN_VALUE)
    if not has_spread(*samples):
        return undecided(question, fewest, most, Obstacle.NO_SPREAD)
    if anytime:
        penalty = STOPPING_LOGS if scale == "log-ratio" else STOPPING_RAW
        contrast: Contrast = safe_linear(samples, weights, penalty)
    else:
        contrast = linear(samples, weights, penalty_of(scale))
    return decide(contrast, question, fewest, most)


def slope_weights(count: int, levels: Sequence[float] | None = None) -> list[float]:
    """Return the weights whose sum of weighted means is the least-squares slope over the levels.

    Raises:
        VitworkError: when there are fewer than two arms, or not one level for each, or all levels are alike.
    """
    places = np.asarray(range(count) if levels is None else levels, dtype=np.float64)
    if count < 2 or places.size != count or np.ptp(places) == 0.0:
        raise VitworkError("a trend needs at least two arms and one level for each, not all alike")
    centred = places - places.mean()
    return [float(weight) for weight in centred / (centred**2).sum()]


def ordering(
    arms: Sequence[Values],
    alternative: Alternative = "less",
    alpha: float = 0.05,
    *,
    scale: Scale = "difference",
    anytime: bool = False,
) -> Effect:
    """Decide whether arms stand in the claimed order: each less (or greater) than the next.

    Reproduced when every step is (an intersection-union test: each step at alpha, no correction needed). Contradicted
    when any step is, at alpha divided by the squared number of steps: with the most skewed data that are provided for,
    errors become rarer only with the square root of the level, and so Bonferroni's plain divisor would not suffice. The
    effect reported is that of the weakest step.

    Args:
        arms: one sample per arm, in the claimed order.
        alternative: ``less`` when values rise along the order, ``greater`` when they fall.
        alpha: two-sided error rate.
        scale: the scale of every step.
        anytime: decide every step validly after every seed, and with them the order.
    """
    if len(arms) < 2:
        raise VitworkError("an order needs at least two arms")
    steps = [compare(a, b, alternative, alpha=alpha, scale=scale, anytime=anytime) for a, b in pairwise(arms)]
    for number, step in enumerate(steps, 1):
        if math.isnan(step.p):
            return replace(step, steps=len(steps), weakest=number)
    verdict, p, worst = _every(steps, alpha, factor=len(steps) ** 2)
    obstacles = [step.obstacle for step in steps if step.obstacle and verdict is Verdict.INCONCLUSIVE]
    effect = replace(
        steps[worst], p=p, adjusted_p=p, verdict=verdict, steps=len(steps), weakest=worst + 1, seeds_needed=None,
        obstacle=obstacles[0] if obstacles else None,
    )  # fmt: skip
    return _planned(effect, alpha)


def _every(parts: Sequence[Effect], alpha: float, *, factor: int) -> tuple[Verdict, float, int]:
    """Return verdict, p-value and the weakest part of "every part holds".

    It is reproduced when every part is (each at alpha: an intersection-union test), and contradicted when any part is,
    its p-value multiplied by ``factor`` for the several parts that could by chance.
    """
    worst = min(range(len(parts)), key=lambda place: _support(parts[place]))
    wrong = [part.p * factor for part in parts if _support(part) < 0.0]
    p = min(1.0, *wrong) if wrong else max(part.p for part in parts)
    few = any(part.obstacle is Obstacle.FEW_SEEDS and part.p <= alpha for part in parts)
    verdict = Verdict.INCONCLUSIVE
    if p <= alpha and not few:
        verdict = Verdict.CONTRADICTED if wrong else Verdict.REPRODUCED
    return verdict, p, worst


def _planned(effect: Effect, alpha: float) -> Effect:
    """Return the effect with the seeds that would settle it where it is undecided."""
    if effect.verdict is not Verdict.INCONCLUSIVE:
        return effect
    return replace(effect, seeds_needed=settling_seeds(effect, alpha))


def _support(effect: Effect) -> float:
    """Return how strongly an effect speaks for the paper's side: positive on it, negative against it."""
    for_paper = (effect.estimate < effect.margin) == (effect.alternative == "less")
    if effect.verdict is not Verdict.INCONCLUSIVE:
        for_paper = effect.verdict is Verdict.REPRODUCED
    return (1.0 if for_paper else -1.0) * (1.0 - effect.p)


def rank_agreement(arms: ArrayLike) -> Array:
    """Return Kendall's tau between the claimed order and each seed's own order of the arms.

    Args:
        arms: values (arms, seeds), arms in the claimed order of rising values.

    Returns:
        One number in [-1, 1] per seed, to be compared with a constant: ``compare(rank_agreement(x), 0.0, "greater")``.
    """
    table = np.asarray(arms, dtype=np.float64)
    upper = np.triu_indices(table.shape[0], k=1)
    signs: Array = np.sign(table[upper[1]] - table[upper[0]]).mean(axis=0)
    return signs


def equivalent(
    a: Values,
    b: Values | float,
    band: float,
    alpha: float = 0.05,
    *,
    paired: bool = False,
    scale: Scale = "difference",
    anytime: bool = False,
) -> Effect:
    """Decide a claim of no difference: reproduced inside the band, contradicted outside it.

    The claim is reproduced when the interval lies within ``band`` of no difference (two one-sided tests, each at
    alpha / 2 because the error of skewed data lies on one side), and contradicted when it lies wholly outside. A mere
    lack of significance shows neither.

    Args:
        a: one value per seed of the first arm.
        b: one value per seed of the second arm, or a constant.
        band: half-width of the band of negligible effects on ``scale``, fixed before the data.
        alpha: error rate.
        paired: whether values belong together in their order.
        scale: ``difference``, ``log-ratio`` or ``probability``.
        anytime: decide validly after every seed.

    Raises:
        VitworkError: when the band is empty, or reaches a probability of 0.
    """
    plain = compare(a, b, "two-sided", 0.0, alpha, paired=paired, scale=scale, anytime=anytime)
    lowest, highest = plain.margin - band, plain.margin + band
    if not band > 0.0 or (plain.margin and lowest <= 0.0):
        raise VitworkError(f"no band of half-width {band:g} around {plain.margin:g} can be tested on a {scale}")
    sides: tuple[tuple[Alternative, float], ...] = (("greater", lowest), ("less", highest))
    edges = [compare(a, b, side, edge, alpha, paired=paired, scale=scale, anytime=anytime) for side, edge in sides]
    if math.isnan(plain.p):
        return replace(plain, band=band)
    verdict, p, _ = _every(edges, alpha, factor=1)
    effect = replace(
        plain, p=p, adjusted_p=p, verdict=verdict, test=edges[0].test, band=band, by_band=True, seeds_needed=None,
        obstacle=edges[0].obstacle,
    )  # fmt: skip
    return _planned(effect, alpha)
