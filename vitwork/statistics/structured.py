"""Hypotheses over more than two arms or inside a run: trends, orders, shares of layers, equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.claim import Alternative, Effect, Verdict
from vitwork.errors import VitworkError
from vitwork.statistics.comparison import Scale, Values, compare
from vitwork.statistics.contrasts import has_spread, linear
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, undecided

Array = NDArray[np.float64]


def trend(
    arms: Sequence[Values],
    alternative: Alternative = "less",
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    levels: Sequence[float] | None = None,
    equivalence: float | None = None,
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
        equivalence: half-width of the band of slopes that deny the claim.
    """
    question = Question(alternative, margin, alpha, "slope", equivalence)
    samples = [np.asarray(arm, dtype=np.float64) for arm in arms]
    places = np.asarray(range(len(samples)) if levels is None else levels, dtype=np.float64)
    if len(samples) < 2 or places.size != len(samples) or np.ptp(places) == 0.0:
        raise VitworkError("a trend needs at least two arms and one level for each, not all alike")
    sizes = [sample.size for sample in samples]
    if min(sizes) < FEWEST_SEEDS:
        return undecided(question, min(sizes), max(sizes), f"fewer than {FEWEST_SEEDS} seeds in an arm never decide")
    if not all(np.isfinite(sample).all() for sample in samples):
        return undecided(
            question, min(sizes), max(sizes), "a run of an arm has no finite value, so the slope is unknown"
        )
    if not has_spread(*samples):
        return undecided(question, min(sizes), max(sizes), "no seed differs in any arm")
    centred = places - places.mean()
    weights = centred / (centred**2).sum()
    return decide(linear(samples, [float(weight) for weight in weights]), question, min(sizes), max(sizes))


def ordering(
    arms: Sequence[Values], alternative: Alternative = "less", alpha: float = 0.05, *, scale: Scale = "difference"
) -> Effect:
    """Decide whether arms stand in the claimed order: each less (or greater) than the next.

    Reproduced when every step is (an intersection-union test: each step at alpha, no correction needed). Contradicted
    when any step is, at alpha divided by the number of steps. The effect reported is that of the weakest step.

    Args:
        arms: one sample per arm, in the claimed order.
        alternative: ``less`` when values rise along the order, ``greater`` when they fall.
        alpha: two-sided error rate.
        scale: the scale of every step.
    """
    if len(arms) < 2:
        raise VitworkError("an order needs at least two arms")
    steps = [compare(a, b, alternative, alpha=alpha, scale=scale) for a, b in pairwise(arms)]
    count = len(steps)
    if any(math.isnan(step.p) for step in steps):
        return next(step for step in steps if math.isnan(step.p))
    worst = min(range(count), key=lambda place: _support(steps[place]))
    weakest = steps[worst]
    wrong = [step.p * count for step in steps if _support(step) < 0.0]
    p = min(1.0, *wrong) if wrong else max(step.p for step in steps)
    few = any(step.verdict is Verdict.INCONCLUSIVE and step.p <= alpha for step in steps)
    verdict = Verdict.INCONCLUSIVE
    if p <= alpha and not few:
        verdict = Verdict.CONTRADICTED if wrong else Verdict.REPRODUCED
    which = f"weakest of {count} steps is number {worst + 1}"
    reason = f"{which}: {weakest.reason}" if verdict is weakest.verdict else f"{which}, not decided: {weakest.reason}"
    return replace(
        weakest, p=p, adjusted_p=p, verdict=verdict, reason=reason,
        method=f"{weakest.method}; " + ("any step against, Bonferroni" if wrong else "every step, intersection-union"),
    )  # fmt: skip


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


def layer_share(values: ArrayLike, alternative: Alternative = "less", threshold: float = 0.0) -> Array:
    """Return per seed the share of layers on one side of a threshold; NaN for a seed with any layer unknown.

    Args:
        values: one row per seed, one column per layer.
        alternative: count layers ``less`` or ``greater`` than the threshold.
        threshold: value that separates the layers.
    """
    table = np.asarray(values, dtype=np.float64)
    counted = table < threshold if alternative == "less" else table > threshold
    shares: Array = np.where(np.isnan(table).any(axis=1), math.nan, counted.mean(axis=1))
    return shares


def share_of_layers(
    values: ArrayLike,
    alternative: Alternative = "less",
    threshold: float = 0.0,
    margin: float = 0.5,
    alpha: float = 0.05,
) -> Effect:
    """Decide whether more than a share ``margin`` of the layers lies on the claimed side of a threshold.

    Layers are nested in seeds: each seed gives one share, and only seeds are replicates. Twelve layers of one network
    are one observation and decide nothing.

    Args:
        values: one row per seed, one column per layer.
        alternative: side of the threshold that the paper claims for most layers.
        threshold: value that separates layers.
        margin: share that has to be exceeded, fixed before the data.
        alpha: two-sided error rate.
    """
    effect = compare(layer_share(values, alternative, threshold), 0.0, "greater", margin, alpha)
    return replace(effect, scale="share", reason=effect.reason.replace("difference", "share", 1))


def equivalent(
    a: Values, b: Values | float, band: float, alpha: float = 0.05, *, paired: bool = False, scale: Scale = "difference"
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
        scale: ``difference``, ``ratio``, ``log-ratio`` or ``probability``.
    """
    inside = compare(a, b, "two-sided", 0.0, alpha, paired=paired, scale=scale, equivalence=band)
    sides = [
        compare(a, b, "two-sided", inside.margin + sign * band, alpha, paired=paired, scale=scale)
        for sign in (-1.0, 1.0)
    ]
    if math.isnan(inside.p):
        return inside
    distance = inside.estimate - inside.margin
    verdict, p, where = Verdict.INCONCLUSIVE, max(side.p for side in sides), "not clear of the band's edges"
    if abs(distance) > band:
        p = sides[1].p if distance > 0.0 else sides[0].p
        verdict, where = (Verdict.CONTRADICTED, "outside") if p <= alpha else (verdict, where)
    elif p <= alpha:
        verdict, where = Verdict.REPRODUCED, "inside"
    found = f"{scale} {inside.estimate:.3g} [{inside.low:.3g}, {inside.high:.3g}], p = {p:.2g}"
    return replace(
        inside, verdict=verdict, p=p, adjusted_p=p, method=f"{sides[0].method}; both edges of a band at alpha", seeds_needed=None,
        reason=f"{found}: {where} (band {inside.margin:.3g} ± {band:.3g})",
    )  # fmt: skip
