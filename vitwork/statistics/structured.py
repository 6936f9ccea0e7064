"""Hypotheses over more than two arms or inside a run: trends, orders, shares of layers, equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Alternative, Effect, Verdict
from vitwork.statistics.comparison import Scale, Values, compare
from vitwork.statistics.contrasts import Contrast, has_spread, linear, penalty_of
from vitwork.statistics.decision import BOTH_EDGES, FEWEST_SEEDS, Question, decide, settling_seeds, undecided
from vitwork.statistics.evalues import STOPPING_LOGS, STOPPING_RAW, safe_linear

Array = NDArray[np.float64]


def trend(
    arms: Sequence[Values],
    alternative: Alternative = "less",
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    levels: Sequence[float] | None = None,
    equivalence: float | None = None,
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
        equivalence: half-width of the band of slopes that deny the claim.
        scale: ``difference`` for the slope of the values, ``log-ratio`` for that of their logarithms.
        anytime: decide validly after every seed, by an e-process of the slope that the i-th seeds of all arms have.
    """
    if scale not in ("difference", "log-ratio"):
        raise VitworkError(f"a trend is a slope of values or of their logarithms; it has no {scale}")
    question = Question(alternative, margin, alpha, "slope" if scale == "difference" else scale, equivalence)
    weights = slope_weights(len(arms), levels)
    samples = [np.asarray(arm, dtype=np.float64) for arm in arms]
    sizes = [sample.size for sample in samples]
    fewest, most = min(sizes), max(sizes)
    if fewest < FEWEST_SEEDS:
        return undecided(question, fewest, most, f"fewer than {FEWEST_SEEDS} seeds in an arm never decide")
    if scale == "log-ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            samples = [np.log(sample) for sample in samples]
    if not all(np.isfinite(sample).all() for sample in samples):
        return undecided(question, fewest, most, "a run of an arm has no finite value, so the slope is unknown")
    if not has_spread(*samples):
        return undecided(question, fewest, most, "no seed differs in any arm")
    logs = scale == "log-ratio"
    if anytime:
        contrast: Contrast = safe_linear(samples, weights, STOPPING_LOGS if logs else STOPPING_RAW)
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
    if any(math.isnan(step.p) for step in steps):
        return next(step for step in steps if math.isnan(step.p))
    verdict, p, worst = _every(steps, alpha, factor=len(steps) ** 2)
    weakest, against = steps[worst], _support(steps[worst]) < 0.0
    which = f"weakest of {len(steps)} steps is number {worst + 1}"
    reason = f"{which}: {weakest.reason}" if verdict is weakest.verdict else f"{which}, not decided: {weakest.reason}"
    rule = "any step against, squared Bonferroni" if against else "every step, intersection-union"
    return replace(weakest, p=p, adjusted_p=p, verdict=verdict, reason=reason, method=f"{weakest.method}; {rule}")


def _every(parts: Sequence[Effect], alpha: float, *, factor: int) -> tuple[Verdict, float, int]:
    """Return verdict, p-value and the weakest part of "every part holds".

    It is reproduced when every part is (each at alpha: an intersection-union test), and contradicted when any part is,
    its p-value multiplied by ``factor`` for the several parts that could by chance.
    """
    worst = min(range(len(parts)), key=lambda place: _support(parts[place]))
    wrong = [part.p * factor for part in parts if _support(part) < 0.0]
    p = min(1.0, *wrong) if wrong else max(part.p for part in parts)
    few = any(part.verdict is Verdict.INCONCLUSIVE and part.p <= alpha for part in parts)
    verdict = Verdict.INCONCLUSIVE
    if p <= alpha and not few:
        verdict = Verdict.CONTRADICTED if wrong else Verdict.REPRODUCED
    return verdict, p, worst


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

    A claim on most layers compares such a share with 1/2. Its quantity makes one number of one run's record:
    ``float(layer_share([record["change"]], "less")[0])``, and ``assert share("vit") > 0.5`` is the hypothesis, with the
    layers nested in their seeds (`share_of_layers` is the same test on a whole table).

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
        scale: ``difference``, ``ratio``, ``log-ratio`` or ``probability``.
        anytime: decide validly after every seed.

    Raises:
        VitworkError: when the band is empty, or reaches 0 on a scale of ratios or probabilities.
    """
    plain = compare(a, b, "two-sided", 0.0, alpha, paired=paired, scale=scale, anytime=anytime)
    lowest, highest = plain.margin - band, plain.margin + band
    if not band > 0.0 or (plain.margin and lowest <= 0.0):
        raise VitworkError(f"no band of half-width {band:g} around {plain.margin:g} can be tested on a {scale}")
    sides: tuple[tuple[Alternative, float], ...] = (("greater", lowest), ("less", highest))
    edges = [compare(a, b, side, edge, alpha, paired=paired, scale=scale, anytime=anytime) for side, edge in sides]
    if math.isnan(plain.p):
        return plain
    verdict, p, _ = _every(edges, alpha, factor=1)
    effect = replace(
        plain, p=p, adjusted_p=p, verdict=verdict, method=f"{edges[0].method}; {BOTH_EDGES}", seeds_needed=None
    )
    where = {Verdict.REPRODUCED: "inside", Verdict.CONTRADICTED: "outside"}.get(verdict, "not clear of")
    reason = f"{scale} {plain.estimate:.3g} [{plain.low:.3g}, {plain.high:.3g}], p = {p:.2g}: {where} the band {plain.margin:.3g} ± {band:.3g}"
    if verdict is Verdict.INCONCLUSIVE and (needed := settling_seeds(effect, alpha)) is not None:
        effect = replace(effect, seeds_needed=needed)
        reason += f"; about {needed} seeds per arm would probably settle it"
    return replace(effect, reason=reason)
