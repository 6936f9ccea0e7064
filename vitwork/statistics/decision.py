"""From a contrast to a verdict: the one rule that every hypothesis is decided by."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Alternative, Effect, Verdict
from vitwork.statistics.contrasts import RAW, Contrast
from vitwork.statistics.power import MOST_SEEDS, seeds_needed

FEWEST_SEEDS = 3
"""Fewer seeds per arm never decide: below three the error rates of docs/statistics.md were not established."""

BOTH_EDGES = "both edges of the band at alpha"
"""What the method of an effect says when its p-value belongs to the edges of an equivalence band."""


@dataclass(frozen=True)
class Question:
    """What is asked of the data, fixed before they are seen.

    Attributes:
        alternative: the paper's side of ``margin``.
        margin: the value of the effect that separates the sides.
        alpha: two-sided error rate.
        scale: what the effect is.
        equivalence: half-width of the band around ``margin`` inside which the paper's difference is denied; or None.
    """

    alternative: Alternative = "less"
    margin: float = 0.0
    alpha: float = 0.05
    scale: str = "difference"
    equivalence: float | None = None

    def __post_init__(self) -> None:
        if self.alternative not in ("less", "greater", "two-sided"):
            raise VitworkError(f"alternative must be less, greater or two-sided, not {self.alternative!r}")
        if not 0.0 < self.alpha < 1.0:
            raise VitworkError(f"alpha must lie between 0 and 1, not {self.alpha}")
        if self.equivalence is not None and not self.equivalence > 0.0:
            raise VitworkError(f"the equivalence band must have a positive half-width, not {self.equivalence}")

    def side(self, *, below: bool) -> Verdict:
        """Return the verdict of a decided difference from the margin, below it or above."""
        if self.alternative == "two-sided" or below == (self.alternative == "less"):
            return Verdict.REPRODUCED
        return Verdict.CONTRADICTED


def undecided(question: Question, n_a: int, n_b: int, reason: str, estimate: float = math.nan) -> Effect:
    """Return the effect of data that no test applies to."""
    return Effect(
        estimate, -math.inf, math.inf, n_a, n_b, math.nan, Verdict.INCONCLUSIVE, question.alternative,
        question.margin, question.alpha, question.scale, "none", math.nan, None, reason,
    )  # fmt: skip


def decide(contrast: Contrast, question: Question, n_a: int, n_b: int, note: str = "") -> Effect:
    """Judge a contrast against the question's margin and, where one was declared, its equivalence band.

    A difference and its equivalence cannot both be wrong at once: the first errs only when the effect equals the
    margin, the second only when it lies outside the band. Each may therefore use all of alpha, and ``p`` is the
    smaller of the two.

    Args:
        contrast: the tested effect.
        question: what was asked.
        n_a: seeds of the first arm.
        n_b: seeds of the second arm, 0 for a constant.
        note: a clause on the data that the reason must not hide, for example diverged runs.
    """
    estimate = float(contrast.estimate)
    low, high = (float(edge) for edge in contrast.interval(question.alpha))
    p, method = float(contrast.p(question.margin)), contrast.method
    verdict = question.side(below=contrast.below(question.margin)) if p <= question.alpha else Verdict.INCONCLUSIVE
    alike = _equivalence_p(contrast, question)
    if alike < p:
        p, method = alike, f"{method}; equivalence, {BOTH_EDGES}"
        verdict = Verdict.CONTRADICTED if p <= question.alpha else Verdict.INCONCLUSIVE
    effect = Effect(
        estimate, low, high, n_a, n_b, p, verdict, question.alternative, question.margin, question.alpha,
        question.scale, method, p,
    )  # fmt: skip
    if verdict is Verdict.INCONCLUSIVE:
        effect = replace(effect, seeds_needed=settling_seeds(effect, question.alpha))
    return replace(effect, reason=_reason(effect, note))


def _equivalence_p(contrast: Contrast, question: Question) -> float:
    """Return the larger p of the tests against the band's two edges; 1 where it does not apply.

    Each edge is tested at alpha two-sided, twice as strictly as usual, because the error of skewed data lies all on
    one side; the band is thus established exactly when the interval lies inside it.
    """
    band = question.equivalence
    if band is None or not abs(float(contrast.estimate) - question.margin) < band:
        return 1.0
    return max(float(contrast.p(question.margin + sign * band)) for sign in (-1.0, 1.0))


def settling_seeds(effect: Effect, alpha: float) -> int | None:
    """Return the seeds per arm that would show the estimated effect at ``alpha`` with 80 % power.

    For an equivalence it is the distance from the nearer edge of the band that has to be shown. Where only the order of
    the runs or their permutations decide, p falls about geometrically with the seeds. The answer is a plan, not a
    promise, since the estimate itself is uncertain.
    """
    n = min(effect.n_a, effect.n_b or effect.n_a)
    distance = abs(effect.estimate - effect.margin)
    half = effect.high - effect.estimate if effect.estimate < effect.margin else effect.estimate - effect.low
    if n >= 2 and math.isinf(half) and 0.0 < effect.p < 1.0:
        unanimous = math.ceil(n * math.log(alpha / 2.0) / math.log(effect.p / 2.0))
        return max(unanimous, n + 1) if unanimous <= MOST_SEEDS else None
    if n < 2 or not (math.isfinite(distance) and math.isfinite(half)) or half <= 0.0:
        return None
    df, penalty = n - 1.0, 1.0 + RAW.blind
    if BOTH_EDGES in effect.method:
        distance = (
            half * _quantile(df, effect.p / penalty) / _quantile(df, effect.alpha / penalty) if effect.p < 1.0 else 0.0
        )
    else:
        penalty = _penalty(effect, distance / half, df)
    error = half / _quantile(df, effect.alpha / penalty)
    needed = seeds_needed(distance / (error * math.sqrt(n)), alpha, penalty=penalty, arms=1)
    return None if needed is None else max(needed, n + 1)


def _penalty(effect: Effect, ratio: float, df: float) -> float:
    """Recover the guard's factor from an effect's p-value and interval, which rest on the same standard error.

    ``ratio`` is the effect's distance from the margin in half intervals. The implied p-value is monotone in the
    factor; near p = alpha every factor implies the same and any will do.
    """
    from scipy.special import stdtr

    def implied(penalty: float) -> float:
        return penalty * 2.0 * float(stdtr(df, -ratio * _quantile(df, effect.alpha / penalty)))

    low, high = 1.0, 1.0 + RAW.blind + RAW.leaning
    for _ in range(40):
        middle = 0.5 * (low + high)
        too_small = (implied(middle) < effect.p) == (ratio < 1.0)
        low, high = (middle, high) if too_small else (low, middle)
    return 0.5 * (low + high)


def _quantile(df: float, alpha: float) -> float:
    """Return the two-sided critical value of Student's t."""
    from scipy.special import stdtrit

    return -float(stdtrit(df, alpha / 2.0))


def _reason(effect: Effect, note: str) -> str:
    """Return one sentence: what was found, and what it says about the margin."""
    seeds = f"{effect.n_a} and {effect.n_b} seeds" if effect.n_b else f"{effect.n_a} seeds"
    found = f"{effect.scale} {effect.estimate:.3g} [{effect.low:.3g}, {effect.high:.3g}], {seeds}, p = {effect.p:.2g}"
    if effect.verdict is Verdict.REPRODUCED:
        tail = f"clear of {effect.margin:.3g} on the paper's side"
    elif effect.verdict is Verdict.CONTRADICTED and BOTH_EDGES in effect.method:
        tail = f"inside the declared band around {effect.margin:.3g}"
    elif effect.verdict is Verdict.CONTRADICTED:
        tail = f"clear of {effect.margin:.3g} on the other side"
    elif effect.seeds_needed is not None:
        tail = f"not clear of {effect.margin:.3g}; about {effect.seeds_needed} seeds per arm would probably settle it"
    elif math.isfinite(effect.high - effect.low):
        tail = f"not clear of {effect.margin:.3g}; no number of seeds up to {MOST_SEEDS} is likely to settle it"
    else:
        tail = f"the runs' order does not clear {effect.margin:.3g}"
    return f"{found}: {tail}" + (f" ({note})" if note else "")
