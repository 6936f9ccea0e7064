"""Tests of hypotheses over more than two arms (trends, orders), and of no difference (equivalence)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from vitwork.errors import VitworkError
from vitwork.statistics.comparison import Values, compare, on_scale, vector
from vitwork.statistics.contrasts import Contrast, has_spread, linear, penalty_of
from vitwork.statistics.decision import Question, decide, edged, settling_seeds, undecided
from vitwork.statistics.effect import Alternative, Effect, Obstacle, Scale, Verdict
from vitwork.statistics.evalues import safe_linear
from vitwork.statistics.power import FEWEST_SEEDS


def trend(
    arms: Sequence[Values],
    alternative: Alternative = "less",
    alpha: float = 0.05,
    *,
    levels: Sequence[float] | None = None,
    scale: Scale = "difference",
    anytime: bool = False,
    skewed: bool = False,
) -> Effect:
    """Decide whether a quantity falls (``less``) or rises (``greater``) over ordered arms, by regression over seeds.

    The slope is the least-squares slope of the arms' means on their levels, with equal weight for every arm. It is
    tested as one linear contrast of independent arms. Runs without a finite value leave the trend undecided.

    Args:
        arms: one sample per arm, in the order of the levels.
        alternative: sign of the slope that the paper claims.
        alpha: two-sided error rate.
        levels: positions of the arms; 0, 1, 2, … by default. Give logarithms for sizes that grow by factors.
        scale: ``difference`` for the slope of the values, ``log-ratio`` for that of their logarithms.
        anytime: decide validly after every seed, by an e-process of the slopes over the i-th seeds of all arms.
        skewed: the quantity is plainly skewed on its scale.
    """
    if scale not in ("difference", "log-ratio"):
        raise VitworkError(f"a trend is a slope of values or of their logarithms; it has no {scale}")
    question = Question(alternative, 0.0, alpha, "slope" if scale == "difference" else scale)
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
        contrast: Contrast = safe_linear(samples, weights, penalty_of(skewed=skewed))
    else:
        contrast = linear(samples, weights, penalty_of(skewed=skewed))
    return decide(contrast, question, fewest, most)


def slope_weights(count: int, levels: Sequence[float] | None = None) -> list[float]:
    """Return the weights whose sum of weighted means is the least-squares slope over the levels.

    Raises:
        VitworkError: there are fewer than two arms, not one level for each, or all levels are equal.
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
    skewed: bool = False,
) -> Effect:
    """Decide whether arms stand in the claimed order: each less (or greater) than the next.

    Reproduced when every step is (an intersection-union test: each step at alpha, no correction needed). Contradicted
    when any step is, at alpha divided by the number of steps. The effect reported is that of the weakest step: the one
    with the least evidence for the order, or the one with the most evidence against it if that is stronger.

    Args:
        arms: one sample per arm, in the claimed order.
        alternative: ``less`` when values rise along the order, ``greater`` when they fall.
        alpha: two-sided error rate.
        scale: the scale of every step.
        anytime: decide every step validly after every seed, and with them the order.
        skewed: the quantity is plainly skewed on its scale.
    """
    if len(arms) < 2:
        raise VitworkError("an order needs at least two arms")
    pairs, options = list(pairwise(arms)), {"scale": scale, "anytime": anytime, "skewed": skewed}
    steps = [compare(a, b, alternative, 0.0, alpha, **options) for a, b in pairs]  # type: ignore[arg-type]
    for number, step in enumerate(steps, 1):
        if math.isnan(step.p_for):
            return replace(step, steps=len(steps), weakest=number)
    p_for = max(step.p_for for step in steps)
    p_against = min(1.0, len(steps) * min(step.p_against for step in steps))
    if p_for <= p_against:
        worst = max(range(len(steps)), key=lambda place: steps[place].p_for)
    else:
        worst = min(range(len(steps)), key=lambda place: steps[place].p_against)
    strict = compare(*pairs[worst], alternative, 0.0, alpha / len(steps), **options)  # type: ignore[arg-type]
    low, high = edged(steps[worst], strict)
    joint = replace(steps[worst], low=low, high=high, steps=len(steps), weakest=worst + 1)
    return _joint(joint, p_for, p_against, alpha)


def _joint(effect: Effect, p_for: float, p_against: float, alpha: float) -> Effect:
    """Return an effect decided by several tests together."""
    p, verdict = min(1.0, 2.0 * min(p_for, p_against)), Verdict.INCONCLUSIVE
    if p <= alpha:
        verdict = Verdict.REPRODUCED if p_for <= p_against else Verdict.CONTRADICTED
    obstacle = effect.obstacle if verdict is Verdict.INCONCLUSIVE else None
    found = replace(
        effect, p=p, adjusted_p=p, p_for=p_for, p_against=p_against, verdict=verdict, obstacle=obstacle,
        seeds_needed=None,
    )  # fmt: skip
    if verdict is not Verdict.INCONCLUSIVE:
        return found
    return replace(found, seeds_needed=settling_seeds(found, alpha))


def equivalent(
    a: Values,
    b: Values | float,
    band: float,
    alpha: float = 0.05,
    *,
    paired: bool = False,
    scale: Scale = "difference",
    anytime: bool = False,
    skewed: bool = False,
) -> Effect:
    """Decide a claim of no difference: reproduced inside the band, contradicted outside it.

    The claim is reproduced when the interval lies within ``band`` of no difference (two one-sided tests, each at
    alpha / 2), and contradicted when it lies wholly outside. A mere lack of significance shows neither.

    Args:
        a: one value per seed of the first arm.
        b: one value per seed of the second arm, or a constant.
        band: half-width of the band of negligible effects on ``scale``, fixed before the data.
        alpha: error rate.
        paired: whether values belong together in their order.
        scale: ``difference``, ``log-ratio`` or ``probability``.
        anytime: decide validly after every seed.
        skewed: the quantity is plainly skewed on its scale.

    Raises:
        VitworkError: the band is empty, or reaches a probability of 0.
    """
    options = {"paired": paired, "scale": scale, "anytime": anytime, "skewed": skewed}
    plain = compare(a, b, "two-sided", 0.0, alpha, **options)  # type: ignore[arg-type]
    lowest, highest = plain.margin - band, plain.margin + band
    if not band > 0.0 or (plain.margin and lowest <= 0.0):
        raise VitworkError(f"no band of half-width {band:g} around {plain.margin:g} can be tested on a {scale}")
    sides: tuple[tuple[Alternative, float], ...] = (("greater", lowest), ("less", highest))
    edges = [compare(a, b, side, edge, alpha, **options) for side, edge in sides]  # type: ignore[arg-type]
    if math.isnan(plain.p_for):
        return replace(plain, band=band)
    effect = replace(plain, test=edges[0].test, band=band, by_band=True, obstacle=edges[0].obstacle)
    p_for, p_against = max(edge.p_for for edge in edges), min(edge.p_against for edge in edges)
    return _joint(effect, p_for, p_against, alpha)
