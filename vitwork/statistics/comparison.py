"""Compare two arms, one value per seed, and answer reproduced, contradicted or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Alternative, Effect
from vitwork.statistics.contrasts import (
    Contrast,
    ExactContrast,
    RatioContrast,
    has_spread,
    linear,
    penalty_of,
    smallest_p,
)
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, undecided
from vitwork.statistics.ranks import OrderContrast, superiority
from vitwork.statistics.sequential import anytime_contrast

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
    anytime: bool = False,
) -> Effect:
    """Decide whether ``a`` lies on the paper's side of ``b``.

    The seed is the unit: images, batches and layers must have been reduced to one value per seed. A run that diverged
    takes part as NaN or an infinity; the decision is then made by order with every NaN in its least favourable place.
    Two arms that differ in no seed are decided by exact permutation, and at no other margin than 0. Fewer than three
    seeds per arm never decide. Error rates under normal, skewed, heavy-tailed and unequal-variance data are in
    docs/statistics.md.

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
        anytime: decide validly after every seed, as often as one likes. Values stand in the order of their seeds, the
            i-th of both arms form a pair and those without a partner wait; ``p`` is the anytime p-value over all looks
            so far and the interval belongs to a confidence sequence. A ratio is refused, as the log-ratio serves it.

    Returns:
        The effect with its two-sided interval, p-value, verdict and reason.

    Raises:
        VitworkError: when the question itself makes no sense (unknown scale, pairs of different number).
    """
    question = ask(alternative, margin, alpha, scale, equivalence)
    constant = np.ndim(b) == 0
    first, second = samples(a, b)
    if paired and first.size != second.size and not (constant or anytime):
        raise VitworkError(f"paired samples must have as many seeds: {first.size} and {second.size}")
    n_a, n_b = first.size, 0 if constant else second.size
    few = f"fewer than {FEWEST_SEEDS} seeds per arm never decide"
    problem = unfit(first, second, scale, anytime=anytime)
    if problem or min(n_a, n_b or n_a) < (FEWEST_SEEDS if anytime else 2):
        return undecided(question, n_a, n_b, problem or few, _estimate(first, second, scale))
    choose = anytime_contrast if anytime else _contrast
    contrast, note = choose(*on_scale(first, second, scale), question, paired=paired, constant=constant)
    effect = decide(contrast, question, n_a, n_b, note)
    if min(n_a, n_b or n_a) < FEWEST_SEEDS:
        return replace(
            undecided(question, n_a, n_b, few, effect.estimate), low=effect.low, high=effect.high, p=effect.p,
            adjusted_p=effect.p, method=effect.method,
        )  # fmt: skip
    return effect


sequential = partial(compare, anytime=True)
"""`compare` for seeds that arrive one by one: call it whenever a seed of each arm has finished."""


def ask(
    alternative: Alternative, margin: float, alpha: float, scale: Scale, equivalence: float | None = None
) -> Question:
    """Return the question, with the scale's own value for a margin of 0.

    Raises:
        VitworkError: when the scale is unknown.
    """
    if scale not in NEUTRAL:
        raise VitworkError(f"scale must be one of {', '.join(NEUTRAL)}, not {scale!r}")
    return Question(alternative, margin or NEUTRAL[scale], alpha, scale, equivalence)


def samples(a: Values, b: Values | float) -> tuple[Array, Array]:
    """Return both arms as vectors of float64, a constant as a vector of one; None is a run without a value."""
    sides = (a, [b] if np.ndim(b) == 0 else b)
    first, second = (
        np.asarray([math.nan if value is None else value for value in side], dtype=np.float64).reshape(-1)  # type: ignore[union-attr]
        for side in sides
    )
    return first, second


def unfit(a: Array, b: Array, scale: Scale, *, anytime: bool = False) -> str:
    """Say why the samples cannot be compared on the scale; empty when they can."""
    if not a.size or not b.size:
        return "an arm has no runs"
    if anytime and scale == "ratio":
        return "a ratio has no sequential test here; ask for the log-ratio"
    if scale in ("ratio", "log-ratio") and min(np.nanmin(sample, initial=math.inf) for sample in (a, b)) < 0.0:
        return f"a {scale} needs values that are not negative"
    return ""


def on_scale(a: Array, b: Array, scale: Scale) -> tuple[Array, Array]:
    """Return logarithms for a log-ratio (a zero becomes -inf and is judged by order), else the samples."""
    if scale != "log-ratio":
        return a, b
    with np.errstate(divide="ignore"):
        return np.log(a), np.log(b)


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
    scale, paired = question.scale, paired and not constant
    if scale == "probability":
        return superiority(a, b, paired=paired), _lost(a, b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        shifted = b * question.margin if scale == "ratio" else b + question.margin
        order = superiority(a, shifted, paired=paired)
        return OrderContrast(_estimate(a, b, scale), order, question.margin), _lost(a, b)  # type: ignore[arg-type]
    alone = paired or constant
    parts = (a - b,) if alone and scale != "ratio" else (a, b)
    if not has_spread(*parts):
        smallest = 1.0 if constant else smallest_p(a.size, 0 if paired else b.size)
        judged = not constant and question.margin == NEUTRAL[scale]
        note = "no seed differs" if judged else "no seed differs, so the seeds show no spread to judge by"
        return ExactContrast(_estimate(a, b, scale), NEUTRAL[scale], smallest), note  # type: ignore[arg-type]
    if scale == "ratio":
        return RatioContrast(a, b, paired=alone), ""
    return linear(parts, (1.0, -1.0)[: len(parts)], penalty_of(scale)), ""


def _lost(a: Array, b: Array) -> str:
    """Say how many runs have no finite value."""
    lost = [int((~np.isfinite(sample)).sum()) for sample in (a, b)]
    return f"{lost[0]} and {lost[1]} runs without a finite value, judged by order" if any(lost) else ""
