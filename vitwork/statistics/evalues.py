"""E-processes: evidence that may be judged after every seed.

An e-process is a non-negative process whose expectation under the hypothesis never exceeds one at any stopping time. By
Ville's inequality it exceeds 1 / alpha with probability at most alpha, however the number of seeds is chosen. Its
present value is an e-value, and the reciprocal is a p-value. Holm's procedure applies to it unchanged, and the
procedure of Benjamini and Hochberg is then e-BH, valid under any dependence (Wang & Ramdas, JRSS-B 84, 2022).

The i-th seeds of the two arms form a pair, in the order of their numbers, so that arms of unequal variance need no
approximation. Seeds that the store already holds are used in that order and never selected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.statistics.contrasts import PLAIN, Guard, Penalty, Sided, Unguarded, guard
from vitwork.statistics.effect import Test
from vitwork.statistics.power import FEWEST_SEEDS

Array = NDArray[np.float64]

MIXTURE = 4.0
"""Variance of the normal mixture over standardised effects of a pair: suits the effects of one to six standard
deviations that a handful of seeds can show (docs/statistics.md)."""


MOST_T = 1e6
BISECTIONS = 64


def log_e_value(t: ArrayLike, n: ArrayLike, mixture: float = MIXTURE) -> Any:
    """Return the logarithm of the two-sided safe t-test's e-value with a normal mixture over standardised effects.

    Args:
        t: t statistic of ``n`` pairs or single values.
        n: number of pairs.
        mixture: variance of the mixing normal distribution.
    """
    ratio, spread = np.asarray(t, dtype=np.float64) ** 2 / (np.asarray(n) - 1.0), 1.0 + np.asarray(n) * mixture
    return -0.5 * np.log(spread) + 0.5 * np.asarray(n) * (np.log1p(ratio) - np.log1p(ratio / spread))


def log_sided(t: ArrayLike, n: ArrayLike, mixture: float = MIXTURE) -> Any:
    """Return the logarithm of the one-sided safe t-test's e-value: the same mixture over positive effects only.

    It is the two-sided e-value times twice the posterior probability of a positive effect, which under the right Haar
    prior of the scale is Student's t with ``n`` degrees of freedom. The other side is that of ``-t``.
    """
    from scipy.special import stdtr

    t, n = np.asarray(t, dtype=np.float64), np.asarray(n, dtype=np.float64)
    precision = n + 1.0 / mixture
    place = n * t / np.sqrt(precision * (n - 1.0 + t**2 / (mixture * precision)))
    with np.errstate(divide="ignore"):
        return log_e_value(t, n, mixture) + np.log(2.0 * stdtr(n, place))


@dataclass(frozen=True)
class SafeContrast(Sided):
    """The mean of paired differences under optional stopping; samples lie on the last axis, in the order of seeds.

    Attributes:
        pairs: a - b per seed, or the values of one sample.
        guards: factors on the anytime p-value after each seed from the third on (`vitwork.statistics.contrasts.guard`).
    """

    pairs: Array
    guards: Guard
    test: ClassVar[Test] = Test.SAFE_T

    @property
    def guard(self) -> Guard:
        """The guard's factors after the last seed."""
        below, above = (factors[..., -1] for factors in self.guards)
        return below, above

    @property
    def estimate(self) -> Any:
        """Mean of the paired differences so far."""
        return self.pairs.mean(axis=-1)

    def _moments(self) -> tuple[Array, Array, Array]:
        """Return number, mean and standard error after every seed from the third on."""
        n = np.arange(1, self.pairs.shape[-1] + 1, dtype=np.float64)
        origin = self.pairs[..., :1]  # moments about a data value do not cancel
        moved = self.pairs - origin
        mean = np.cumsum(moved, axis=-1) / n
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.maximum(np.cumsum(moved**2, axis=-1) - n * mean**2, 0.0) / (n - 1.0)
        keep = slice(FEWEST_SEEDS - 1, None)
        return n[keep], (mean + origin)[..., keep], np.sqrt(variance / n)[..., keep]

    def sided_path(self, value: float) -> tuple[Any, Any]:
        """Return guard / e-value of either side of ``value`` after every seed from the third on, at most 1."""
        n, mean, error = self._moments()
        left, right = self.guards
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.nan_to_num((mean - value) / error, posinf=0.0, neginf=0.0)  # no spread yet: no evidence yet
        below, above = (
            np.exp(np.minimum(0.0, np.log(factor) - log_sided(side * t, n)))
            for factor, side in ((right, -1.0), (left, 1.0))
        )
        return below, above

    def p_path(self, value: float) -> Any:
        """Return the two-sided p-values after every seed from the third on."""
        below, above = self.sided_path(value)
        return np.minimum(1.0, 2.0 * np.minimum(below, above))

    def sided(self, value: float) -> tuple[Any, Any]:
        """Return the present one-sided p-values, which are valid at any time: guard / e-value."""
        below, above = self.sided_path(value)
        return below[..., -1], above[..., -1]

    def interval(self, alpha: float) -> tuple[Any, Any]:
        """Return the confidence sequence's present interval: the means whose p-values exceed alpha / 2."""
        n, mean, error = self._moments()
        halves = [
            np.where(error[..., -1] > 0.0, critical_t(np.log(2.0 * side / alpha), n[-1]) * error[..., -1], math.inf)
            for side in self.guard
        ]
        return mean[..., -1] - halves[0], mean[..., -1] + halves[1]


def critical_t(log_threshold: ArrayLike, n: float) -> Any:
    """Return the t at which the one-sided e-value of ``n`` pairs reaches a threshold; infinite if none does."""
    low = np.zeros(np.shape(log_threshold))
    high = np.full_like(low, MOST_T)
    never = log_sided(high, n) < log_threshold
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        reached = log_sided(middle, n) >= log_threshold
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(never, math.inf, high)


def safe_linear(samples: Sequence[ArrayLike], weights: Sequence[float], penalty: Penalty = PLAIN) -> SafeContrast:
    """Contrast the weighted sum of means of independent samples whose seeds arrive in order.

    The i-th seeds of all samples are combined into one value, and those without a partner wait.

    Args:
        samples: seeds on the last axis.
        weights: one per sample.
        penalty: size of the guard against skewness.
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    n = min(array.shape[-1] for array in arrays)
    arrays = [array[..., :n] for array in arrays]
    moments = [_running_moments(array) for array in arrays]
    parts = [weight * array for weight, array in zip(weights, arrays, strict=True)]
    combined, size = np.sum(parts, axis=0), np.sum(np.abs(parts), axis=0).max(axis=-1, keepdims=True)
    alike = np.abs(combined - combined[..., :1]) <= 1e-12 * size  # differences by rounding are no spread
    combined = np.where(alike, combined[..., :1], combined)
    sizes = [np.arange(FEWEST_SEEDS, n + 1, dtype=np.float64)] * len(arrays)
    second, third = [m2 for m2, _ in moments], [m3 for _, m3 in moments]
    return SafeContrast(combined, guard(weights, sizes, second, third, penalty))


def safe_contrast(
    a: ArrayLike, b: ArrayLike | None = None, penalty: Penalty = PLAIN, *, paired: bool = False
) -> SafeContrast:
    """Contrast seeds that arrive in order; ``b`` is None for one sample, ``paired`` if the design itself pairs."""
    if b is None:
        return safe_linear([a], [1.0], penalty)
    return safe_linear([np.subtract(a, b)], [1.0], penalty) if paired else safe_linear([a, b], [1.0, -1.0], penalty)


def _running_moments(sample: Array) -> tuple[Array, Array]:
    """Return the second and third central moments after every seed from the third on."""
    n = np.arange(1, sample.shape[-1] + 1)
    moved = sample - sample[..., :1]  # moments about a data value do not cancel
    first, second, third = (np.cumsum(moved**power, axis=-1) / n for power in (1, 2, 3))
    keep = (..., slice(FEWEST_SEEDS - 1, None))
    return np.maximum(second - first**2, 0.0)[keep], (third - 3.0 * first * second + 2.0 * first**3)[keep]


@dataclass(frozen=True)
class SignContrast(Unguarded, Sided):
    """The share of pairs in which ``a`` exceeds ``b`` under optional stopping; needs no assumption on shapes.

    The e-process bets on the signs with the Krichevsky-Trofimov mixture. Pairs without a number count against
    the side that is tested.

    Attributes:
        least, most: 1 if a exceeds b, 0 if not, 1/2 for ties; unknown pairs are 0 in ``least`` and 1 in ``most``.
        shown: the estimate to report; None for the share itself.
    """

    least: Array
    most: Array
    shown: float | None = None
    margin: float = 0.5
    test: ClassVar[Test] = Test.SIGN_BETS

    @property
    def estimate(self) -> float:
        """The share so far, or `shown`."""
        return float((self.least.mean() + self.most.mean()) / 2.0) if self.shown is None else self.shown

    def sided(self, value: float) -> tuple[float, float]:
        """Return the present p-values for a share below one half and above it; other values are not tested."""
        if value != self.margin:
            return 1.0, 1.0
        return self._p(1.0 - self.most), self._p(self.least)

    def _p(self, wins: Array) -> float:
        """Return the reciprocal e-value of bets on wins alone: the mixture over shares above one half."""
        from scipy.special import betainc, betaln

        won, lost = float(wins.sum()) + 0.5, float((1.0 - wins).sum()) + 0.5
        two_sided = wins.size * math.log(2.0) + betaln(won, lost) - betaln(0.5, 0.5)
        tail = float(betainc(lost, won, 0.5))  # of the posterior, above one half
        return math.exp(-max(0.0, two_sided + math.log(2.0 * tail))) if tail > 0.0 else 1.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the half of the line that the signs leave, or all of it."""
        low, high = (0.0, 1.0) if self.shown is None else (-math.inf, math.inf)
        below, above = self.sided(self.margin)
        return (self.margin if above <= alpha / 2.0 else low), (self.margin if below <= alpha / 2.0 else high)
