"""Holm's correction: one error rate for all hypotheses of a session."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vitwork.claim import Effect, Verdict
from vitwork.statistics.decision import Question, settling_seeds, with_verdict


def holm_adjust(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values; NaN stays NaN and does not count as a hypothesis."""
    order = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    adjusted, largest = list(p), 0.0
    for rank, (value, place) in enumerate(order):
        largest = max(largest, min(1.0, value * (len(order) - rank)))
        adjusted[place] = largest
    return adjusted


def holm(effects: Sequence[Effect], alpha: float = 0.05) -> list[Effect]:
    """Return the effects with ``adjusted_p`` and the verdict at the level of the whole family.

    The probability of any wrong decision among the effects is at most ``alpha`` whatever their dependence. An effect
    that no test applied to (p is NaN) stays as it is. ``seeds_needed`` counts for the level that an undecided
    hypothesis faces in this family.

    Args:
        effects: the family, usually every hypothesis of a session; the order is kept.
        alpha: family-wise error rate.
    """
    return [
        _judged(effect, adjusted, alpha)
        for effect, adjusted in zip(effects, holm_adjust([e.p for e in effects]), strict=True)
    ]


def _judged(effect: Effect, adjusted: float, alpha: float) -> Effect:
    if math.isnan(effect.p) or effect.method == "none":
        return effect
    note = effect.reason.rpartition(" (")[2].rstrip(")") if effect.reason.endswith(")") else ""
    if adjusted <= alpha and not _barred(effect):
        verdict = effect.verdict
        if verdict is Verdict.INCONCLUSIVE:  # the family's alpha is wider than the effect's own
            verdict = Question(effect.alternative, effect.margin).side(effect.estimate)
        return with_verdict(effect, verdict, adjusted, None, note)
    factor = adjusted / effect.p if effect.p > 0.0 else 1.0
    return with_verdict(effect, Verdict.INCONCLUSIVE, adjusted, settling_seeds(effect, alpha / factor), note)


def _barred(effect: Effect) -> bool:
    """Return whether the effect was left undecided although its p-value was small enough (too few seeds)."""
    return effect.verdict is Verdict.INCONCLUSIVE and effect.p <= effect.alpha
