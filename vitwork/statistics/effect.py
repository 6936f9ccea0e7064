"""The outcome of a test, verdict and effect, as facts; `vitwork.report.words` words them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Alternative = Literal["less", "greater", "two-sided"]
Scale = Literal["difference", "log-ratio", "probability"]
"""How arms are compared: by means, by geometric means, or by the probability that a run of one exceeds one of the other."""
EffectScale = Literal[Scale, "slope"]


class Verdict(StrEnum):
    """What the evidence says about a hypothesis or a claim."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


class Test(StrEnum):
    """Which test gave an effect its p-value and interval."""

    __test__ = False  # otherwise pytest collects it

    NONE = "none"
    WELCH = "Welch t"
    ONE_SAMPLE = "one-sample t"
    SUPERIORITY = "probability of superiority"
    ORDER = "order of the runs"  # if some diverged: each in its least favourable place
    PERMUTATION = "exact permutation"  # if no seed differs from another of its arm
    SAFE_T = "safe t"  # valid at any stopping time
    SIGN_BETS = "betting on signs"  # valid at any stopping time
    COUNTS = "bound from counts"  # of rates that are zero, or full, in every network
    RANKS = "t of rank correlations"
    INTERVALS = "t of two intervals"  # for a change that the seeds themselves cannot decide


class Obstacle(StrEnum):
    """Why data never decide, whatever they show."""

    NO_RUNS = "an arm has no runs"
    FEW_SEEDS = "fewer seeds than ever decide"
    NEGATIVE_VALUES = "logarithms of negative values"
    UNKNOWN_VALUE = "a run without a finite value"
    NO_SPREAD = "no seed differs"


@dataclass(frozen=True, slots=True)
class Effect:
    """The outcome of one comparison; the seed is the unit of replication.

    Attributes:
        estimate: the effect on ``scale``; NaN if nothing could be estimated.
        low, high: two-sided ``1 - alpha`` interval on the same scale.
        n_a, n_b: seeds per arm; ``n_b`` is 0 for a comparison with a constant.
        p: two-sided p-value against the margin (before any correction for multiplicity); NaN without a test.
        verdict: the decision at ``alpha``.
        alternative: the paper's side.
        margin: the value of the effect that separates the sides, fixed before the data.
        alpha: two-sided error rate of the decision.
        scale: the scale of ``estimate``; a ``log-ratio`` is a natural logarithm.
        test: the test that was used.
        penalty: factors on p that guard against skewness, for values below and above the estimate (1 for none).
        band: half-width around ``margin`` inside which the arms count as equal; None if no band was declared.
        by_band: whether ``p`` and ``verdict`` belong to the two edges of the band rather than to the margin.
        lost: runs of either arm without a finite value, which are judged by order.
        steps, weakest: for an order of several arms, the number of steps, and the step (from 1) that the numbers
            describe; ``p`` is then that of the whole order.
        obstacle: why the data can never decide; None if they can.
        adjusted_p: p-value after correction over the session: Holm's for a hypothesis, or q of the claim that it
            decides; equals ``p`` before that.
        seeds_needed: seeds per arm that would probably settle an inconclusive verdict; None if unknown.
        p_for, p_against: one-sided p-values, small if the effect is shown on the paper's side of the margin and on
            the other; NaN if data can never decide.
        plain_p: scipy's two-sided p of the textbook test (Welch, one sample or pairs), for comparison; NaN for none.
        adjusted_low, adjusted_high: the interval at the level that the correction over a family of claims leaves to
            this hypothesis (`vitwork.statistics.claims`); it excludes the margin exactly if the hypothesis is decided.
            NaN before the correction.
    """

    estimate: float
    low: float
    high: float
    n_a: int
    n_b: int
    p: float
    verdict: Verdict
    alternative: Alternative = "less"
    margin: float = 0.0
    alpha: float = 0.05
    scale: EffectScale = "difference"
    test: Test = Test.NONE
    penalty: tuple[float, float] = (1.0, 1.0)
    band: float | None = None
    by_band: bool = False
    lost: tuple[int, int] = (0, 0)
    steps: int = 1
    weakest: int = 1
    obstacle: Obstacle | None = None
    adjusted_p: float = math.nan
    seeds_needed: int | None = None
    p_for: float = math.nan
    p_against: float = math.nan
    plain_p: float = math.nan
    adjusted_low: float = math.nan
    adjusted_high: float = math.nan

    @property
    def deciding(self) -> tuple[float, float]:
        """The interval that decides: the one adjusted to the family, if there is one."""
        adjusted = not (math.isnan(self.adjusted_low) or math.isnan(self.adjusted_high))
        return (self.adjusted_low, self.adjusted_high) if adjusted else (self.low, self.high)
