"""Turns a contrast into a verdict, by the one rule that decides every hypothesis."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vitwork.errors import VitworkError
from vitwork.statistics.contrasts import Contrast
from vitwork.statistics.effect import Alternative, Effect, EffectScale, Obstacle, Test, Verdict
from vitwork.statistics.power import MOST_SEEDS, seeds_needed
from vitwork.statistics.rates import Rate

GEOMETRIC = frozenset({Test.ORDER, Test.PERMUTATION, Test.SIGN_BETS, Test.COUNTS})
"""Tests whose p falls roughly geometrically with the seeds, and whose intervals show no standard error."""


@dataclass(frozen=True)
class Question:
    """The question to the data, fixed before they are seen.

    Attributes:
        alternative: the paper's side of ``margin``.
        margin: the value of the effect that separates the sides.
        alpha: two-sided error rate.
        scale: what the effect is.
        skewed: whether the quantity is plainly skewed on its scale.
        rate: how a rate is counted; None for other quantities.
    """

    alternative: Alternative = "less"
    margin: float = 0.0
    alpha: float = 0.05
    scale: EffectScale = "difference"
    skewed: bool = False
    rate: Rate | None = None

    def __post_init__(self) -> None:
        if self.alternative not in ("less", "greater", "two-sided"):
            raise VitworkError(f"alternative must be less, greater or two-sided, not {self.alternative!r}")
        if not 0.0 < self.alpha < 1.0:
            raise VitworkError(f"alpha must lie between 0 and 1, not {self.alpha}")

    def side(self, *, below: bool) -> Verdict:
        """Return the verdict of an effect that is decided to lie below or above the margin."""
        if self.alternative == "two-sided" or below == (self.alternative == "less"):
            return Verdict.REPRODUCED
        return Verdict.CONTRADICTED

    def sides(self, below: float, above: float) -> tuple[float, float]:
        """Return the one-sided p-values of the paper's side and of the other, from those below and above the margin."""
        if self.alternative == "two-sided":
            return min(1.0, 2.0 * min(below, above)), 1.0
        return (below, above) if self.alternative == "less" else (above, below)


def undecided(question: Question, n_a: int, n_b: int, obstacle: Obstacle, estimate: float = math.nan) -> Effect:
    """Return the effect of data to which no test applies."""
    return Effect(
        estimate, -math.inf, math.inf, n_a, n_b, math.nan, Verdict.INCONCLUSIVE, question.alternative,
        question.margin, question.alpha, question.scale, obstacle=obstacle,
    )  # fmt: skip


def decide(contrast: Contrast, question: Question, n_a: int, n_b: int) -> Effect:
    """Judge a contrast against the question's margin.

    Args:
        contrast: the tested effect.
        question: the question to the data.
        n_a: seeds of the first arm.
        n_b: seeds of the second arm, 0 for a constant.
    """
    low, high = (float(edge) for edge in contrast.interval(question.alpha))
    is_below, is_above = (float(p) for p in contrast.sided(question.margin))
    p_for, p_against = question.sides(is_below, is_above)
    p, (below, above) = min(1.0, 2.0 * min(is_below, is_above)), contrast.guard
    verdict = question.side(below=is_below < is_above) if p <= question.alpha else Verdict.INCONCLUSIVE
    effect = Effect(
        float(contrast.estimate), low, high, n_a, n_b, p, verdict, question.alternative, question.margin,
        question.alpha, question.scale, contrast.test, (float(below), float(above)), adjusted_p=p, p_for=p_for,
        p_against=p_against,
    )  # fmt: skip
    if verdict is Verdict.INCONCLUSIVE:
        return replace(effect, seeds_needed=settling_seeds(effect, question.alpha))
    return effect


def edged(paper: Effect, other: Effect) -> tuple[float, float]:
    """Return the interval of one hypothesis that was judged at two levels.

    The edge that has to clear the margin on the paper's side is taken from the first effect, the other edge from the
    second. With a band, both of its edges take part on either side, and the edges count on whose side the estimate
    lies.
    """
    if paper.by_band:
        nearer = paper if inclined(paper) is Verdict.REPRODUCED else other
        return nearer.low, nearer.high
    return (other.low, paper.high) if paper.alternative == "less" else (paper.low, other.high)


def inclined(effect: Effect) -> Verdict:
    """Return the verdict towards which the estimate leans."""
    if effect.by_band and effect.band is not None:
        inside = abs(effect.estimate - effect.margin) < effect.band
        return Verdict.REPRODUCED if inside else Verdict.CONTRADICTED
    return Question(effect.alternative).side(below=effect.estimate < effect.margin)


def settling_seeds(effect: Effect, alpha: float) -> int | None:
    """Return the seeds per arm that would show the estimated effect at ``alpha`` with 80 % power.

    For an equivalence, the distance from the nearer edge of the band has to be shown. If only the order of the runs,
    their permutations or counts decide, p falls roughly geometrically with the seeds. The answer is a plan, not a
    promise, because the estimate itself is uncertain.
    """
    n = min(effect.n_a, effect.n_b or effect.n_a)
    if n < 2:
        return None
    if effect.steps > 1 and inclined(effect) is Verdict.CONTRADICTED:
        alpha /= effect.steps  # the level that a single step has to reach against the order
    tested, (below, above) = _tested(effect), effect.penalty
    distance = abs(effect.estimate - tested)
    half, penalty = (
        (effect.high - effect.estimate, above) if effect.estimate < tested else (effect.estimate - effect.low, below)
    )
    if effect.test in GEOMETRIC or math.isinf(half):
        if not 0.0 < effect.p < 1.0:
            return None
        unanimous = math.ceil(n * math.log(alpha / 2.0) / math.log(effect.p / 2.0))
        return max(unanimous, n + 1) if unanimous <= MOST_SEEDS else None
    if not (math.isfinite(distance) and math.isfinite(half)) or half <= 0.0:
        return None
    error = half / _quantile(n - 1.0, effect.alpha / penalty)
    needed = seeds_needed(distance / (error * math.sqrt(n)), alpha, penalty=penalty, arms=1)
    return None if needed is None else max(needed, n + 1)


def _tested(effect: Effect) -> float:
    """Return the value that has to be cleared: the margin, or the nearer edge of the band."""
    if effect.band is None or not effect.by_band:
        return effect.margin
    return effect.margin + math.copysign(effect.band, effect.estimate - effect.margin)


def _quantile(df: float, alpha: float) -> float:
    """Return the two-sided critical value of Student's t."""
    from scipy.special import stdtrit

    return -float(stdtrit(df, alpha / 2.0))
