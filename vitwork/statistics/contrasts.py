"""Contrasts decide comparisons: they have an estimate, p-values on either side of any value of the effect, an interval.

Every contrast answers the same three questions (`estimate`, `sided`, `interval`), so that one decision rule serves
differences, ranks and samples without spread. Arrays of samples are accepted along leading axes, so that the
simulations of error rates run the same code that decides claims.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitwork.statistics.effect import Test

Array = NDArray[np.float64]
Guard = tuple[Any, Any]
"""Factors >= 1 on the p-values of values below the estimate and of values above it (see `guard`)."""


@dataclass(frozen=True)
class Penalty:
    """Size of the factors by which `guard` corrects p for skewness (chosen by simulation, docs/statistics.md).

    Attributes:
        blind: factor on p, on top of 1, when one side carries the whole standard error.
        leaning: further factor when, in addition, the sample leans so that its unseen tail lies on the side of the
            tested value.
    """

    blind: float
    leaning: float

    def typical(self, *, alone: bool) -> float:
        """Return the factor used for planning: a lean of a third, and half of the imbalance unless ``alone``."""
        return 1.0 + (self.blind + self.leaning / 3.0) * (1.0 if alone else 0.5)


PLAIN = Penalty(1.0, 0.0)
"""For quantities that are not plainly skewed on their scale: p is at most doubled, if one side has all the error."""

SKEWED = Penalty(150.0, 300.0)
"""For plainly skewed values, which may be as skewed as a log-normal with σ = 1 (skewness 6), at the small levels that a
family of claims requires."""


def penalty_of(*, skewed: bool) -> Penalty:
    """Return the penalty of a quantity, plainly skewed on its scale or not (`vitwork.statistics.audit`)."""
    return SKEWED if skewed else PLAIN


class Contrast(Protocol):
    """An effect that can be tested against any value."""

    @property
    def estimate(self) -> Any:
        """The effect, a float (or an array over leading axes)."""

    @property
    def test(self) -> Test:
        """Which test this is."""

    @property
    def guard(self) -> Guard:
        """Factors on p against skewness."""

    def sided(self, value: float) -> tuple[Any, Any]:
        """Return two one-sided p-values: small where the effect is shown to be below ``value``, and above it."""

    def p(self, value: float) -> Any:
        """Return the two-sided p-value of the hypothesis that the effect equals ``value``."""

    def interval(self, alpha: float) -> tuple[Any, Any]:
        """Return the two-sided ``1 - alpha`` interval."""


class Sided(ABC):
    """A contrast whose two-sided p-value is twice the smaller one-sided one."""

    @abstractmethod
    def sided(self, value: float) -> tuple[Any, Any]:
        """Return two one-sided p-values: small where the effect is shown to be below ``value``, and above it."""

    def p(self, value: float) -> Any:
        """Return the two-sided p-value of the hypothesis that the effect equals ``value``."""
        below, above = self.sided(value)
        return np.minimum(1.0, 2.0 * np.minimum(below, above))


class Unguarded:
    """A contrast of order alone, which skewness does not affect."""

    guard: ClassVar[Guard] = (1.0, 1.0)


def guard(
    weights: Sequence[float], sizes: Sequence[Any], second: Sequence[Any], third: Sequence[Any], penalty: Penalty
) -> Guard:  # fmt: skip
    """Return the factors on p that keep a weighted sum of means at its level when the data are skewed.

    Skewness cancels between arms of equal spread and opposite weight, but not when one side carries the standard error,
    as in every one-sample and paired comparison. The factor is ``1 + imbalance * (blind + leaning * lean)``. The
    imbalance in [0, 1] is the normalised difference of the squared standard errors of the two sides. The lean, cut to
    [0, 1], is the skewness of the weighted sum in units of its standard error under normality. It is positive when the
    long tail lies on the side of the tested value, where the sample may have missed it. Below about eight seeds a
    sample's skewness says little, and the blind part protects.

    Args:
        weights: weights of the means.
        sizes: seeds per sample, numbers or arrays.
        second: central second moments of the samples (divided by n).
        third: central third moments.
        penalty: the size of the guard's two parts.
    """
    parts = list(zip(weights, sizes, second, third, strict=True))
    errors: Any = sum(w**2 * m2 / (n - 1.0) for w, n, m2, _ in parts)
    signed: Any = sum(w * abs(w) * m2 / (n - 1.0) for w, n, m2, _ in parts)
    skewness: Any = sum(w**3 * m3 / n**2 for w, n, _, m3 in parts)
    doubt: Any = sum(6.0 * w**6 * m2**3 / n**5 for w, n, m2, _ in parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        imbalance = np.nan_to_num(np.abs(signed) / errors, nan=1.0)
        lean = np.nan_to_num(skewness / np.sqrt(doubt))
    below, above = (
        1.0 + imbalance * (penalty.blind + penalty.leaning * np.clip(side * lean, 0.0, 1.0)) for side in (-1.0, 1.0)
    )
    return below, above


@dataclass(frozen=True)
class StudentContrast(Sided):
    """A difference of means against its standard error.

    Attributes:
        estimate: difference of means, or mean of one sample.
        error: standard error.
        df: degrees of freedom, ``min(n) - 1``.
        test: which test this is.
        guard: factors on the p-value, see `guard`.
    """

    estimate: Any
    error: Any
    df: float
    test: Test
    guard: Guard = (1.0, 1.0)

    def sided(self, value: float) -> tuple[Any, Any]:
        """Return the guarded one-sided p-values of the effect's being below ``value`` and above it."""
        from scipy.special import stdtr

        left, right = self.guard
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (np.asarray(self.estimate) - value) / np.asarray(self.error)
        t = np.where(np.isnan(t), 0.0, t)
        return np.minimum(1.0, right * stdtr(self.df, t)), np.minimum(1.0, left * stdtr(self.df, -t))

    def interval(self, alpha: float) -> tuple[Any, Any]:
        """Return the values that `p` does not reject at ``alpha``."""
        from scipy.special import stdtrit

        below, above = (-stdtrit(self.df, alpha / (2.0 * np.asarray(side))) for side in self.guard)
        return self.estimate - below * self.error, self.estimate + above * self.error


def linear(samples: Sequence[ArrayLike], weights: Sequence[float], penalty: Penalty = PLAIN) -> StudentContrast:
    """Contrast the weighted sum of the means of independent samples with any value; samples lie on the last axis.

    The statistic is Welch's. Its reference is Student's t with ``min(n) - 1`` degrees of freedom, which for two arms
    of normal data is conservative whatever the variances (Mickey & Brown, Ann. Math. Stat. 37, 1966); `guard` keeps
    the level when the data are skewed. Samples of weight 0 take no part.
    """
    used = [
        (weight, np.asarray(values, dtype=np.float64))
        for values, weight in zip(samples, weights, strict=True)
        if weight != 0.0
    ]
    factors, sizes = [weight for weight, _ in used], [sample.shape[-1] for _, sample in used]
    centred = [sample - sample.mean(axis=-1, keepdims=True) for _, sample in used]
    second, third = ([np.mean(part**power, axis=-1) for part in centred] for power in (2, 3))
    estimate: Any = sum(weight * sample.mean(axis=-1) for weight, sample in used)
    variance: Any = sum(w**2 * m2 / (n - 1.0) for w, n, m2 in zip(factors, sizes, second, strict=True))
    test = Test.ONE_SAMPLE if len(samples) == 1 else Test.WELCH
    factors_on_p = guard(factors, sizes, second, third, penalty)
    return StudentContrast(estimate, np.sqrt(variance), min(sizes) - 1.0, test, factors_on_p)


def student(a: ArrayLike, b: ArrayLike | None = None, penalty: Penalty = PLAIN) -> StudentContrast:
    """Contrast the means of two independent samples, or one sample's mean with zero (see `linear`)."""
    return linear([a], [1.0], penalty) if b is None else linear([a, b], [1.0, -1.0], penalty)


@dataclass(frozen=True, slots=True)
class ExactContrast(Sided, Unguarded):
    """Samples whose values are all equal in each arm, so that only relabelling the seeds carries information.

    Relabelling tests whether two arms are equal, and so only one value of the effect. Against any other value, or a
    constant, such samples say nothing about a mean: a rare value that would move it may not have been drawn.

    Attributes:
        estimate: the one value of the effect that the data show.
        neutral: the effect between arms without a difference.
        smallest: the smallest two-sided p-value that the permutations of this design can give; 1 for a constant.
    """

    estimate: float
    neutral: float
    smallest: float
    test: ClassVar[Test] = Test.PERMUTATION

    def _differs(self) -> bool:
        return bool(abs(self.estimate - self.neutral) > 1e-12 * max(1.0, abs(self.neutral)))

    def sided(self, value: float) -> tuple[float, float]:
        """Return half the design's smallest p-value on the side of the neutral effect where the arms are; 1 elsewhere."""
        if value != self.neutral or not self._differs():
            return 1.0, 1.0
        least = self.smallest / 2.0 if self.smallest < 1.0 else 1.0
        return (least, 1.0) if self.estimate < value else (1.0, least)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the side of the neutral effect that the data show if they can reject it, otherwise the whole line."""
        if self.p(self.neutral) > alpha:
            return -math.inf, math.inf
        return (self.neutral, math.inf) if self.estimate > self.neutral else (-math.inf, self.neutral)


def smallest_p(n_a: int, n_b: int) -> float:
    """Return the smallest two-sided p of an exact test: label permutations, or sign flips where ``n_b`` is 0."""
    return min(1.0, 2.0 / math.comb(n_a + n_b, n_a) if n_b else 2.0 ** (1 - n_a))


def has_spread(*samples: Array) -> bool:
    """Return whether any sample varies by more than the rounding of its numbers."""
    return any(np.ptp(sample) > 1e-12 * np.abs(sample).max() for sample in samples if sample.size)
