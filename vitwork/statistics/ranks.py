"""Decisions from order alone: the probability of superiority, also if runs diverged and have no number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vitwork.statistics.contrasts import Sided, Unguarded
from vitwork.statistics.effect import Test

Array = NDArray[np.float64]


def binomial_tails(successes: float, n: int, probability: float) -> tuple[float, float]:
    """Return P(K ≤ successes) and P(K ≥ successes) of ``n``, which may be fractional (incomplete beta function)."""
    from scipy.special import betainc

    if not 0.0 < probability < 1.0:
        share = successes / n
        return float(share >= probability), float(share <= probability)
    # P(K <= k) = I_{1-q}(n - k, k + 1), and P(K >= k) = I_q(k, n - k + 1); both are monotone between integers.
    below = 1.0 if successes >= n else float(betainc(n - successes, successes + 1.0, 1.0 - probability))
    above = 1.0 if successes <= 0 else float(betainc(successes, n - successes + 1.0, probability))
    return below, above


def binomial_p(successes: float, n: int, probability: float) -> float:
    """Return a two-sided p-value for ``successes`` of ``n``: twice the smaller tail."""
    return min(1.0, 2.0 * min(binomial_tails(successes, n, probability)))


@dataclass(frozen=True)
class SuperiorityContrast(Unguarded, Sided):
    """The probability that a run of ``a`` exceeds a run of ``b``, ties counted half.

    The variance of its estimate never exceeds that of a share of ``min(n_a, n_b)`` independent successes, whatever
    the two distributions (Birnbaum & Klose, Ann. Math. Stat. 28, 1957), and the binomial law of that share is the
    reference. It needs no assumption on shapes or spreads; six seeds per arm are the fewest that can reach 5 %.

    Attributes:
        least, most: the share when runs without a number (NaN) fall in the least and most favourable places.
        n: the smaller number of seeds.
    """

    least: float
    most: float
    n: int
    test: ClassVar[Test] = Test.SUPERIORITY

    @property
    def estimate(self) -> float:
        """Middle of the possible shares; the share itself when every run has a number."""
        return 0.5 * (self.least + self.most)

    def sided(self, value: float) -> tuple[float, float]:
        """Return one-sided p-values, with runs without a number where they are least favourable to either side."""
        below, _ = binomial_tails(self.most * self.n, self.n, value)
        _, above = binomial_tails(self.least * self.n, self.n, value)
        return below, above

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the Clopper-Pearson interval, widened over the places of runs without a number."""
        from scipy.special import betaincinv

        low_count, high_count = self.least * self.n, self.most * self.n
        low = 0.0 if low_count <= 0 else float(betaincinv(low_count, self.n - low_count + 1.0, alpha / 2.0))
        high = (
            1.0 if high_count >= self.n else float(betaincinv(high_count + 1.0, self.n - high_count, 1.0 - alpha / 2.0))
        )
        return low, high


def superiority(a: Array, b: Array, *, paired: bool = False) -> SuperiorityContrast:
    """Contrast two samples by order; a sample ``b`` of one value is a constant, infinities are ordered, NaN is not."""
    shares = []
    for sign in (-1.0, 1.0):
        left = np.where(np.isnan(a), sign * math.inf, a)
        right = np.where(np.isnan(b), -sign * math.inf, b)
        gap = (left, right) if paired else (left[:, None], right[None, :])
        shares.append(float(np.mean((gap[0] > gap[1]) + 0.5 * (gap[0] == gap[1]))))
    n = a.size if b.size == 1 else min(a.size, b.size)
    return SuperiorityContrast(shares[0], shares[1], n)


@dataclass(frozen=True)
class OrderContrast(Unguarded, Sided):
    """An effect of which only the side of the margin can be judged, because some runs diverged.

    Attributes:
        estimate: the effect among runs that finished, only for description; NaN if there are none.
        superiority: order of the arms after the margin was added to ``b``; carries the decision.
        margin: the only value that can be tested.
    """

    estimate: float
    superiority: SuperiorityContrast
    margin: float
    test: ClassVar[Test] = Test.ORDER

    def sided(self, value: float) -> tuple[float, float]:
        """Return the one-sided p-values at the margin, without the estimate; other values cannot be rejected."""
        return self.superiority.sided(0.5) if value == self.margin else (1.0, 1.0)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the half line that the order of the runs leaves, or the whole line."""
        below, above = self.sided(self.margin)
        return (self.margin if above <= alpha / 2.0 else -math.inf), (self.margin if below <= alpha / 2.0 else math.inf)
