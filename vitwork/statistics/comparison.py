"""Compare two arms, one value per seed, and answer reproduced, contradicted or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitwork.claim import Alternative, Effect
from vitwork.errors import VitworkError
from vitwork.statistics.contrasts import Contrast, ExactContrast, RatioContrast, has_spread, smallest_p, student
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, undecided
from vitwork.statistics.ranks import OrderContrast, superiority

Array = NDArray[np.float64]
Scale = Literal["difference", "ratio", "log-ratio", "probability"]
Values = Sequence[float] | NDArray[np.floating]
NEUTRAL = {"difference": 0.0, "ratio": 1.0, "log-ratio": 0.0, "probability": 0.5}


def compare(
    a: Values,
    b: Values | float,
    alternative: Alternative = "less",
    margin: float = 0.0,
    alpha: float = 0.05,
    *,
    paired: bool = False,
    scale: Scale = "difference",
    equivalence: float | None = None,
) -> Effect:
    """Decide whether ``a`` lies on the paper's side of ``b``.

    The seed is the unit: images, batches and layers must have been reduced to one value per seed. A run that diverged
    takes part as NaN or an infinity; the decision is then made by order with every NaN in its least favourable place.
    Samples that differ in no seed are decided by exact permutation. Fewer than three seeds per arm never decide.
    Error rates under normal, skewed, heavy-tailed and unequal-variance data are in docs/statistics.md.

    Args:
        a: one value per seed of the first arm.
        b: one value per seed of the second arm, or a constant.
        alternative: the paper's side: the effect is ``less`` than, ``greater`` than or different from the margin.
        margin: the effect that separates the sides, on ``scale``. 0 stands for "no effect" on every scale (1 for a
            ratio, 1/2 for a probability).
        alpha: two-sided error rate of the decision.
        paired: the values of ``a`` and ``b`` belong together in their order (same data order, same images).
        scale: ``difference`` of means, ``ratio`` of means, ``log-ratio`` (difference of mean logarithms; the choice
            for positive quantities that are skewed or whose spread grows with their size) or ``probability`` that a
            run of ``a`` exceeds one of ``b`` (order alone, no assumption on shape; six seeds at least).
        equivalence: half-width of a band around the margin; a claimed difference that lies inside is contradicted.

    Returns:
        The effect with its two-sided interval, p-value, verdict and reason.

    Raises:
        VitworkError: when the question itself makes no sense (unknown scale, pairs of different number).
    """
    if scale not in NEUTRAL:
        raise VitworkError(f"scale must be one of {', '.join(NEUTRAL)}, not {scale!r}")
    question = Question(alternative, margin or NEUTRAL[scale], alpha, scale, equivalence)
    constant = np.ndim(b) == 0
    first, second = _sample(a), _sample([b] if constant else b)  # type: ignore[list-item, arg-type]
    if paired and first.size != second.size and not constant:
        raise VitworkError(f"paired samples must have as many seeds: {first.size} and {second.size}")
    n_a, n_b = first.size, 0 if constant else second.size
    if min(first.size, second.size) == 0:
        return undecided(question, n_a, n_b, "an arm has no runs")
    if scale in ("ratio", "log-ratio") and min(np.nanmin(s, initial=math.inf) for s in (first, second)) < 0.0:
        return undecided(question, n_a, n_b, f"a {scale} needs values that are not negative")
    few = f"fewer than {FEWEST_SEEDS} seeds per arm never decide"
    if first.size < 2 or (second.size < 2 and not constant):
        return undecided(question, n_a, n_b, few, _estimate(first, second, scale))
    if scale == "log-ratio":
        with np.errstate(divide="ignore"):  # a zero becomes -inf and is judged by order
            first, second = np.log(first), np.log(second)
    contrast, note = _contrast(first, second, question, paired=paired and not constant, constant=constant)
    effect = decide(contrast, question, n_a, n_b, note)
    if min(n_a, n_b or n_a) < FEWEST_SEEDS:
        return replace(
            undecided(question, n_a, n_b, few, effect.estimate), low=effect.low, high=effect.high, p=effect.p,
            adjusted_p=effect.p, method=effect.method,
        )  # fmt: skip
    return effect


def _sample(values: Values) -> Array:
    """Return a vector of float64; None stands for a run without a value."""
    return np.asarray([math.nan if value is None else value for value in values], dtype=np.float64).reshape(-1)


def _estimate(a: Array, b: Array, scale: Scale) -> float:
    """Return the effect among runs that have a number, NaN where an arm has none."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not a.size or not b.size:
        return math.nan
    if scale == "probability":
        return superiority(a, b).estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(a) / np.mean(b) if scale == "ratio" else np.mean(a) - np.mean(b))


def _contrast(a: Array, b: Array, question: Question, *, paired: bool, constant: bool) -> tuple[Contrast, str]:
    """Choose the test that the data allow, and say what they force; the choice never looks at the effect."""
    scale = question.scale
    if scale == "probability":
        return superiority(a, b, paired=paired), _lost(a, b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        shifted = b * question.margin if scale == "ratio" else b + question.margin
        order = superiority(a, shifted, paired=paired)
        return OrderContrast(_estimate(a, b, scale), order, question.margin), _lost(a, b)  # type: ignore[arg-type]
    alone = paired or constant
    parts = (a - b,) if alone and scale != "ratio" else (a, b)
    if not has_spread(*parts):
        return ExactContrast(_estimate(a, b, scale), smallest_p(a.size, 0 if alone else b.size)), "no seed differs"  # type: ignore[arg-type]
    if scale == "ratio":
        return RatioContrast(a, b, paired=alone), ""
    return student(*parts), ""


def _lost(a: Array, b: Array) -> str:
    """Say how many runs have no finite value."""
    lost = [int((~np.isfinite(sample)).sum()) for sample in (a, b)]
    return f"{lost[0]} and {lost[1]} runs without a finite value, judged by order" if any(lost) else ""
