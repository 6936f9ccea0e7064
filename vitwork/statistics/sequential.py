"""Decide after every seed, as often as one likes, at the declared error rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vitwork.claim import Alternative, Effect
from vitwork.statistics.comparison import Scale, Values, ask, on_scale, samples, unfit
from vitwork.statistics.decision import FEWEST_SEEDS, Question, decide, undecided
from vitwork.statistics.evalues import SignContrast, safe_contrast

Array = NDArray[np.float64]


def sequential(
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
    """Decide like `compare`, validly after every seed: call it whenever a seed of each arm has finished.

    Arguments and result are those of `vitwork.statistics.compare`; values stand in the order of their seeds and pairs
    without a partner wait. ``p`` is the anytime p-value over all looks so far and the interval belongs to a confidence
    sequence. The scale ``ratio`` is refused, as the log-ratio serves it.

    Raises:
        VitworkError: when the scale is unknown.
    """
    question = ask(alternative, margin, alpha, scale, equivalence)
    constant = np.ndim(b) == 0
    first, second = samples(a, b)
    n_a, n_b = first.size, 0 if constant else second.size
    n = first.size if constant else min(first.size, second.size)
    problem = unfit(first, second, scale)
    if scale == "ratio":
        problem = "a ratio has no sequential test here; ask for the log-ratio"
    if problem or n < FEWEST_SEEDS:
        return undecided(question, n_a, n_b, problem or f"fewer than {FEWEST_SEEDS} seeds per arm never decide")
    first, second = on_scale(first[:n], np.broadcast_to(second, n) if constant else second[:n], scale)
    if scale == "probability" or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return decide(_signs(first, second, question), question, n_a, n_b, "pairs judged by their signs")
    contrast = safe_contrast(first - second) if constant else safe_contrast(first, second, paired=paired)
    return decide(contrast, question, n_a, n_b)


def _signs(a: Array, b: Array, question: Question) -> SignContrast:
    """Return the pairs' signs, with pairs that have no number on either side in turn."""
    shift = 0.0 if question.scale == "probability" else question.margin
    gap = np.where(a == b + shift, 0.5, (a > b + shift).astype(np.float64))
    unknown = np.isnan(a) | np.isnan(b)
    shown = None
    if question.scale != "probability":
        finite = np.isfinite(a) & np.isfinite(b)
        shown = float((a - b)[finite].mean()) if finite.any() else math.nan
    return SignContrast(np.where(unknown, 0.0, gap), np.where(unknown, 1.0, gap), shown, question.margin)
