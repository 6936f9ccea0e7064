"""Compares two arms, with one value per seed, and decides: reproduced, contradicted or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.contrasts import Contrast, ExactContrast, has_spread, linear, penalty_of, smallest_p
from vitwork.statistics.decision import Question, decide, undecided
from vitwork.statistics.effect import Alternative, Effect, EffectScale, Obstacle, Scale, Test, Verdict
from vitwork.statistics.plain import plain_p
from vitwork.statistics.power import FEWEST_SEEDS
from vitwork.statistics.ranks import OrderContrast, superiority
from vitwork.statistics.rates import CountContrast, HalfCountContrast, Rate
from vitwork.statistics.sequential import anytime_contrast

Array = NDArray[np.float64]
Values = Sequence[float | None] | NDArray[np.floating]
NEUTRAL: dict[Scale, float] = {"difference": 0.0, "log-ratio": 0.0, "probability": 0.5}
"""The effect between arms without a difference."""
SMALLEST, LARGEST = 1e-50, 1e50
"""Range of numbers that are summed: tests take sixth powers, and double precision spans 1e-308 to 1e308. Single
precision spans 1e-45 to 1e38."""


def compare(
    a: Values,
    b: Values | float,
    alternative: Alternative = "less",
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    paired: bool = False,
    scale: Scale = "difference",
    anytime: bool = False,
    skewed: bool = False,
    rate: Rate | None = None,
) -> Effect:
    """Decide whether ``a`` lies on the paper's side of ``b``.

    The seed is the unit: images, batches and layers must have been reduced to one value per seed. A run that diverged
    takes part as NaN or an infinity; the decision is then made by order, with every NaN in its least favourable place.
    If the seeds of both arms do not differ within their arms, an exact permutation test decides, and only at a margin
    of 0. If this holds for only one arm nothing is decided, because that arm shows nothing of its spread. A rate that
    is zero in every network of an arm is decided by its counts. Fewer than three seeds per arm never decide. Error
    rates under normal, skewed, heavy-tailed and unequal-variance data are in docs/statistics.md.

    Args:
        a: one value per seed of the first arm.
        b: one value per seed of the second arm, or a constant.
        alternative: the paper's side: the effect is ``less`` than, ``greater`` than or different from the margin.
        margin: the effect that separates the sides, on ``scale``. 0 stands for "no effect" on every scale (1/2 for a
            probability).
        alpha: two-sided error rate of the decision.
        paired: the values of ``a`` and ``b`` belong together in their order (same data order, same images).
        scale: ``difference`` of means, ``log-ratio`` (difference of mean logarithms; the choice for positive quantities
            that are skewed or whose spread grows with their size) or ``probability`` that a run of ``a`` exceeds one of
            ``b`` (order alone, no assumption on shape; six seeds at least).
        anytime: decide validly after every seed, any number of times. Values are in the order of their seeds; the i-th
            values of both arms form a pair, and values without a partner wait. p-values are reciprocals of e-values,
            and the interval belongs to a confidence sequence.
        skewed: the quantity is plainly skewed on its scale (`vitwork.statistics.audit`), and p is guarded against that.
        rate: how the quantity is counted, if it is a rate; None for others.

    Raises:
        VitworkError: the question is not valid (unknown scale, pairs of different number).
    """
    question = replace(ask(alternative, margin, alpha, scale), skewed=skewed, rate=rate)
    constant = np.ndim(b) == 0  # type: ignore[arg-type]
    first, second = vector(a), vector([b] if constant else b)  # type: ignore[arg-type,list-item]
    if paired and first.size != second.size and not (constant or anytime):
        raise VitworkError(f"paired samples must have as many seeds: {first.size} and {second.size}")
    n_a, n_b = first.size, 0 if constant else second.size
    fewest = min(n_a, n_b or n_a)
    obstacle = _unfit(first, second, scale)
    first, second = on_scale(first, scale), on_scale(second, scale)
    if obstacle or fewest < (FEWEST_SEEDS if anytime else 2):
        effect = undecided(question, n_a, n_b, obstacle or Obstacle.FEW_SEEDS, _estimate(first, second, scale))
    else:
        choose = anytime_contrast if anytime else _contrast
        contrast = (
            _counted(first, second, question, constant=constant)
            or (None if anytime or paired or constant else _half_counted(first, second, question))
            or choose(first, second, question, paired=paired, constant=constant)
        )
        effect = decide(contrast, question, n_a, n_b)
        if fewest < FEWEST_SEEDS:
            effect = replace(
                effect, verdict=Verdict.INCONCLUSIVE, seeds_needed=None, obstacle=Obstacle.FEW_SEEDS,
                p_for=math.nan, p_against=math.nan,
            )  # fmt: skip
        elif effect.test is Test.PERMUTATION and effect.p == 1.0:
            effect = replace(effect, obstacle=Obstacle.NO_SPREAD)
        if scale != "probability":
            plain = plain_p(first, second, question.margin, paired=paired, constant=constant)
            effect = replace(effect, plain_p=plain)
    return replace(effect, lost=(_lost(first), _lost(second)))


def _counted(a: Array, b: Array, question: Question, *, constant: bool) -> CountContrast | None:
    """Return the contrast from counts for a rate that is zero, or full, in every network of one arm or of both."""
    rate = question.rate
    if rate is None or question.scale != "difference":
        return None
    for value in (0.0, rate.whole):
        if (a == value).all() and (constant or (b == value).all()):
            return CountContrast(rate, a.size, value > 0.0, float(b[0]), others=0 if constant else b.size)
    return None


def _half_counted(a: Array, b: Array, question: Question) -> HalfCountContrast | None:
    """Return the contrast of a rate that varies in one arm and is zero or full in every network of the other."""
    rate = question.rate
    if rate is None or question.scale != "difference" or _lost(a) or _lost(b):
        return None
    for value in (0.0, rate.whole):
        for still, varying, sign in ((b, a, 1.0), (a, b, -1.0)):
            if (still == value).all() and has_spread(varying):
                shown = linear((varying - value,), (sign,), penalty_of(skewed=question.skewed))
                return HalfCountContrast(rate, still.size, shown, upward=(value > 0.0) == (sign > 0.0))
    return None


def ask(alternative: Alternative, margin: float, alpha: float, scale: Scale) -> Question:
    """Return the question, with the scale's own value for a margin of 0.

    Raises:
        VitworkError: the scale is unknown.
    """
    if scale not in NEUTRAL:
        raise VitworkError(f"scale must be one of {', '.join(NEUTRAL)}, not {scale!r}")
    return Question(alternative, margin or NEUTRAL[scale], alpha, scale)


def vector(values: Values) -> Array:
    """Return values as a vector of float64; None stands for a run without a value."""
    return np.asarray([math.nan if value is None else value for value in values], dtype=np.float64).reshape(-1)


def on_scale(values: Array, scale: EffectScale) -> Array:
    """Return logarithms for a log-ratio (that of zero is -inf and judged by order), otherwise the values.

    Numbers that are summed become an infinity, judged by order too, beyond `LARGEST`, and zero below `SMALLEST`,
    because means and their errors would be wrong. For a probability the values are only ordered.
    """
    if scale == "probability":
        return values
    if scale != "log-ratio":
        size = np.abs(values)
        found: Array = np.where(size > LARGEST, np.copysign(math.inf, values), np.where(size < SMALLEST, 0.0, values))
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def _unfit(a: Array, b: Array, scale: Scale) -> Obstacle | None:
    """Return why the samples cannot be compared on the scale; None if they can."""
    if not a.size or not b.size:
        return Obstacle.NO_RUNS
    if any(np.isnan(sample).all() for sample in (a, b)):
        return Obstacle.UNKNOWN_VALUE
    if scale == "log-ratio" and min(np.nanmin(sample, initial=math.inf) for sample in (a, b)) < 0.0:
        return Obstacle.NEGATIVE_VALUES
    return None


def _estimate(a: Array, b: Array, scale: Scale) -> float:
    """Return the effect among runs that have a number; NaN if an arm has none."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not a.size or not b.size:
        return math.nan
    return superiority(a, b).estimate if scale == "probability" else float(a.mean() - b.mean())


def _lost(values: Array) -> int:
    return int((~np.isfinite(values)).sum())


def _contrast(a: Array, b: Array, question: Question, *, paired: bool, constant: bool) -> Contrast:
    """Choose the test that the data allow; the choice never looks at the effect."""
    paired = paired and not constant
    if question.scale == "probability":
        return superiority(a, b, paired=paired)
    if _lost(a) or _lost(b):
        order = superiority(a, b + question.margin, paired=paired)
        return OrderContrast(_estimate(a, b, "difference"), order, question.margin)
    parts = (a - b,) if paired or constant else (a, b)
    spread = [has_spread(part) for part in parts]
    if not all(spread):
        smallest = 1.0 if constant or any(spread) else smallest_p(a.size, 0 if paired else b.size)
        return ExactContrast(_estimate(a, b, "difference"), 0.0, smallest)
    return linear(parts, (1.0, -1.0)[: len(parts)], penalty_of(skewed=question.skewed))
