"""Holm's correction: one error rate for all hypotheses of a session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from vitwork.statistics.effect import Effect, Verdict
from vitwork.statistics.decision import Question, settling_seeds


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
    """Return one effect at the family's level."""
    if math.isnan(effect.p) or effect.method == "none":
        return effect
    found, _, tail = effect.reason.rpartition(": ")
    family = f", {adjusted:.2g} over the session" if adjusted > effect.p else ""
    if adjusted <= alpha and not _barred(effect):
        verdict = effect.verdict
        if verdict is Verdict.INCONCLUSIVE:  # the family's alpha is wider than the effect's own
            verdict = Question(effect.alternative, effect.margin).side(below=effect.estimate < effect.margin)
            tail = "decided at the session's error rate"
        return replace(
            effect, verdict=verdict, adjusted_p=adjusted, seeds_needed=None, reason=f"{found}{family}: {tail}"
        )
    needed = settling_seeds(effect, alpha * effect.p / adjusted if effect.p > 0.0 else alpha)
    if effect.verdict is not Verdict.INCONCLUSIVE or needed is not None:
        note = f" ({tail.rpartition(' (')[2]}" if tail.endswith(")") else ""
        seeds = f"; about {needed} seeds per arm would probably settle it" if needed else ""
        tail = f"not decided at the session's error rate{seeds}{note}"
    return replace(
        effect,
        verdict=Verdict.INCONCLUSIVE,
        adjusted_p=adjusted,
        seeds_needed=needed,
        reason=f"{found}{family}: {tail}",
    )


def _barred(effect: Effect) -> bool:
    """Return whether the effect stays undecided: too few seeds, or no finite estimate to take a side from."""
    return effect.verdict is Verdict.INCONCLUSIVE and (effect.p <= effect.alpha or math.isinf(effect.high - effect.low))
