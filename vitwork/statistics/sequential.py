"""Chooses the e-process that judges seeds that arrive one by one, after every seed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.contrasts import Contrast, ExactContrast, has_spread, penalty_of
from vitwork.statistics.decision import Question
from vitwork.statistics.evalues import SignContrast, safe_contrast

Array = NDArray[np.float64]


def anytime_contrast(a: Array, b: Array, question: Question, *, paired: bool, constant: bool) -> Contrast:
    """Return the e-process that the data allow, without seeds that lack a partner; data without spread decide nothing.

    Args:
        a, b: values in the order of seeds, on the question's scale; ``b`` is a vector of one for a constant.
        question: the question to the data.
        paired: whether the design itself pairs the seeds.
        constant: whether ``b`` is a constant.
    """
    n = a.size if constant else min(a.size, b.size)
    first, second = a[:n], np.broadcast_to(b, n) if constant else b[:n]
    if question.scale == "probability" or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return _signs(first, second, question)
    contrast = safe_contrast(first, second, penalty_of(skewed=question.skewed), paired=paired or constant)
    arms = () if paired or constant else (first, second)
    return (
        contrast
        if all(map(has_spread, (contrast.pairs, *arms)))
        else ExactContrast(float(contrast.estimate), 0.0, smallest=1.0)
    )


def _signs(a: Array, b: Array, question: Question) -> SignContrast:
    """Return the contrast of the pairs' signs, with pairs without a number counted once for either side."""
    shift = 0.0 if question.scale == "probability" else question.margin
    gap = np.where(a == b + shift, 0.5, (a > b + shift).astype(np.float64))
    unknown = np.isnan(a) | np.isnan(b)
    shown = None
    if question.scale != "probability":
        finite = np.isfinite(a) & np.isfinite(b)
        shown = float((a - b)[finite].mean()) if finite.any() else math.nan
    return SignContrast(np.where(unknown, 0.0, gap), np.where(unknown, 1.0, gap), shown, question.margin)
