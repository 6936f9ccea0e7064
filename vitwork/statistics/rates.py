"""Contrasts for rates that are zero, or full, in every network of an arm: counts give a bound that a spread cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vitwork.errors import VitworkError
from vitwork.statistics.contrasts import Guard, Sided, StudentContrast, Unguarded
from vitwork.statistics.effect import Test

BISECTIONS = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """A quantity that counts successes among trials within each network, such as a share of negative eigenvalues.

    Attributes:
        trials: number of trials per network.
        whole: the value of a rate of one, 100 for percentages.
        dispersion: bound, declared before the data, on the standard deviation of the networks' own rates in units of
            their mean. 0 takes all trials of all networks as independent (Clopper-Pearson on the pooled counts).
            Infinity assumes nothing, so that one network in a hundred may have a rate of one.
    """

    trials: int
    whole: float = 1.0
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if self.trials < 1 or not self.whole > 0.0 or not self.dispersion >= 0.0:
            raise VitworkError("a rate needs at least one trial, a positive whole and a dispersion of 0 or more")

    def none_at(self, rate: float) -> float:
        """Return the largest probability that a network shows no success although the networks' mean is ``rate``.

        Among all distributions of the networks' rates with this mean and at most the declared dispersion, the two-point
        distribution at zero and a peak reaches it (a Chebyshev-Markov bound, because (1 - rate)^trials is completely
        monotone). Networks are the replicates: no number of trials brings it below the share of rates at zero.
        """
        if rate <= 0.0:
            return 1.0
        if rate >= 1.0:
            return 0.0
        peak = min(1.0, (1.0 + self.dispersion**2) * rate)
        return 1.0 - rate / peak + rate / peak * (1.0 - peak) ** self.trials

    def bound(self, networks: int, level: float) -> float:
        """Return the largest mean rate under which as many networks without any success have probability ``level``."""
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.none_at(middle) ** networks > level else (low, middle)
        return high


@dataclass(frozen=True)
class CountContrast(Sided, Unguarded):
    """A rate that is zero, or full, in every network, against a constant or against another arm with such a rate.

    The p-value is the largest probability of the data, ``none_at(rate) ** networks``. For two arms it is that of the
    arm whose rate would have to be large if the other's were zero. Its reciprocal is an e-value at any stopping time,
    so it is also valid after every seed.

    Attributes:
        rate: how the quantity is counted.
        networks: number of networks without any success or, if ``full``, with nothing but successes.
        full: whether every rate is one.
        constant: the constant, or the other arm's rate; the effect is the difference from it.
        others: number of networks of the other arm; 0 for a constant.
    """

    rate: Rate
    networks: int
    full: bool
    constant: float = 0.0
    others: int = 0
    test: ClassVar[Test] = Test.COUNTS

    @property
    def estimate(self) -> float:
        """The common value of all networks, minus the constant."""
        return (self.rate.whole if self.full else 0.0) - self.constant

    @property
    def _bounding(self) -> tuple[int, int]:
        """Numbers of networks that bound the effect from below and from above; 0 if nothing is counted on that side."""
        return (self.networks, self.others) if self.full else (self.others, self.networks)

    def sided(self, value: float) -> tuple[float, float]:
        """Return one-sided p-values; nothing shows that a rate of zero is above a constant."""
        from_below, from_above = self._bounding
        distance = (value - self.estimate) / self.rate.whole
        return self.rate.none_at(distance) ** from_above, self.rate.none_at(-distance) ** from_below

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the effects whose one-sided p-values exceed alpha / 2."""
        below, above = (self.rate.whole * self.rate.bound(n, alpha / 2.0) if n else 0.0 for n in self._bounding)
        return self.estimate - below, self.estimate + above


@dataclass(frozen=True)
class HalfCountContrast(Sided):
    """A rate that varies in one arm, and is zero, or full, in every network of the other.

    The mean of the other arm differs from the value of its networks by some t >= 0, in one direction. On that side of
    the effect both arms are needed. For every t the p-values of the varying arm at t and of the other arm, ``none_at(t)
    ** networks``, are combined by Bonferroni's rule, and the least favourable t is taken. On the other side t only
    helps, and the varying arm decides alone.

    Attributes:
        rate: how the quantity is counted.
        networks: number of networks of the arm that shows no success, or nothing but successes.
        shown: the effect as the networks show it, tested by the spread of the varying arm.
        upward: whether t raises the effect.
    """

    rate: Rate
    networks: int
    shown: StudentContrast
    upward: bool
    test: ClassVar[Test] = Test.COUNTS

    @property
    def estimate(self) -> Any:
        """The effect as the networks show it."""
        return self.shown.estimate

    @property
    def guard(self) -> Guard:
        """The guard of the varying arm, which has all the spread."""
        return self.shown.guard

    def sided(self, value: float) -> tuple[float, float]:
        """Return one-sided p-values."""
        below, above = map(float, self.shown.sided(value))
        return (self._joined(value), above) if self.upward else (below, self._joined(value))

    def _joined(self, value: float) -> float:
        """Return the largest p over all t, by bisection: one arm's p rises with t, the other's falls."""
        low, high = 0.0, self.rate.whole
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._varying(value, middle) < self._counted(middle) else (low, middle)
        return min(1.0, 2.0 * max(min(self._varying(value, t), self._counted(t)) for t in (low, high)))

    def _varying(self, value: float, t: float) -> float:
        below, above = self.shown.sided(value - t if self.upward else value + t)
        return float(below if self.upward else above)

    def _counted(self, t: float) -> float:
        return self.rate.none_at(t / self.rate.whole) ** self.networks

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the effects whose one-sided p-values exceed alpha / 2."""
        plain, joined = self.shown.interval(alpha), self.shown.interval(alpha / 2.0)
        off = self.rate.whole * self.rate.bound(self.networks, alpha / 4.0)
        if self.upward:
            return float(plain[0]), float(joined[1]) + off
        return float(joined[0]) - off, float(plain[1])
