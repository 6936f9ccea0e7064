"""Sentences of more than one comparison: trends, orders, and claims that two arms do not differ. No torch.

A claim's test asserts them like comparisons: ``assert falling(ape("vit-1-head"), ape("vit-2-heads"), ape("vit-4-heads"))``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vitwork.statistics.effect import Alternative, Effect
from vitwork.language.comparison import Assertion, Sample, paired, smallest_shown, valued, worded


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trend(Assertion):
    """A quantity that falls or rises over arms: the slope of its means, or of its mean logarithms, over levels.

    Attributes:
        samples: in the order of the levels.
        levels: where the arms lie, None for equal steps.
        alternative: ``less`` when it falls.
    """

    samples: tuple[Sample, ...]
    levels: tuple[float, ...] | None
    alternative: Alternative

    @property
    def sides(self) -> tuple[Sample | float, ...]:
        """The samples."""
        return self.samples

    @property
    def statement(self) -> str:
        """The trend in words."""
        at = f" (at {', '.join(f'{level:g}' for level in self.levels)})" if self.levels else ""
        verb = "falls" if self.alternative == "less" else "rises"
        return f"{self.a.quantity.name} {verb} over {', '.join(sample.arm for sample in self.samples)}{at}"

    @property
    def declared(self) -> dict[str, Any]:
        """The levels."""
        return {"levels": list(self.levels or range(len(self.samples)))}

    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the slope."""
        from vitwork.statistics import trend

        return trend(
            [sample.values for sample in self.samples], self.alternative, alpha=alpha, levels=self.levels,
            scale=self.a.quantity.scale, anytime=sequential,
        )  # fmt: skip

    def smallest(self, alpha: float) -> float:
        """Return the smallest difference of the outermost levels, were the trend linear."""
        from vitwork.statistics.structured import slope_weights

        levels = self.declared["levels"]
        variance = sum(weight**2 for weight in slope_weights(len(levels), levels))
        return smallest_shown(alpha, self.a, arms=(max(levels) - min(levels)) ** 2 * variance)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Order(Assertion):
    """Samples of which each is smaller than the next: one hypothesis, true when every step is.

    Attributes:
        samples: in the claimed order.
    """

    samples: tuple[Sample, ...]

    @property
    def sides(self) -> tuple[Sample | float, ...]:
        """The samples."""
        return self.samples

    @property
    def statement(self) -> str:
        """The order in words."""
        return " < ".join(sample.label for sample in self.samples)

    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the effect of the weakest step."""
        from vitwork.statistics import ordering

        values = [sample.values for sample in self.samples]
        return ordering(values, "less", alpha, scale=self.a.quantity.scale, anytime=sequential)

    def smallest(self, alpha: float) -> float:
        """Return the smallest difference that every step needs."""
        return smallest_shown(alpha, self.a, power=0.8 ** (1 / (len(self.samples) - 1)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sameness(Assertion):
    """Two samples, or a sample and a constant, that differ by less than a declared amount.

    Attributes:
        left, right: what is the same.
        within: the largest difference that counts as none; a factor for a quantity compared by log-ratio.
    """

    left: Sample
    right: Sample | float
    within: float

    @property
    def sides(self) -> tuple[Sample | float, ...]:
        """Both sides."""
        return self.left, self.right

    @property
    def statement(self) -> str:
        """The sameness in words."""
        by = "a factor of " if self.left.quantity.scale == "log-ratio" else ""
        return f"{self.left.label} = {worded(self.right)} within {by}{self.within:g}"

    @property
    def declared(self) -> dict[str, Any]:
        """The band."""
        return {"within": self.within}

    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the effect of the left side against the right, judged by both edges of the band."""
        from vitwork.statistics import equivalent

        scale = self.left.quantity.scale
        band = math.log(self.within) if scale == "log-ratio" else self.within
        return equivalent(
            self.left.values, valued(self.right), band, alpha, paired=paired(self.left, self.right), scale=scale,
            anytime=sequential,
        )  # fmt: skip

    def smallest(self, alpha: float) -> float:
        """Return the smallest band that equal sides are shown to lie in; each edge has to be cleared."""
        alone = not isinstance(self.right, Sample) or paired(self.left, self.right)
        return smallest_shown(alpha, self.left, power=0.9, arms=1 if alone else 2)


def falling(*samples: Sample, levels: Sequence[float] | None = None) -> Trend:
    """Claim that a quantity falls over the arms, in the order given.

    Args:
        samples: one per arm, of one quantity.
        levels: where the arms lie (heads, patch sizes, data); equal steps by default. Give logarithms for sizes that
            grow by factors.

    Raises:
        TypeError: the samples are of different quantities, or carry a margin.
        ValueError: there are fewer than two samples, or not one level for each, or all levels are alike.
    """
    return _trend(samples, levels, "less")


def rising(*samples: Sample, levels: Sequence[float] | None = None) -> Trend:
    """Claim that a quantity rises over the arms, in the order given; arguments are those of `falling`."""
    return _trend(samples, levels, "greater")


def _trend(samples: tuple[Sample, ...], levels: Sequence[float] | None, alternative: Alternative) -> Trend:
    if levels is not None and (len(levels) != len(samples) or len(set(levels)) < 2):
        raise ValueError("a trend needs one level for each sample, not all alike")
    return Trend(_alike(samples), None if levels is None else tuple(levels), alternative)


def ordered(*samples: Sample) -> Order:
    """Claim that each sample is smaller than the next, as one hypothesis.

    A chain ``a < b < c`` states one hypothesis for each step, of which each pays for the others in Holm's correction;
    an order is decided as a whole and pays once.

    Raises:
        TypeError: the samples are of different quantities, or carry a margin.
        ValueError: there are fewer than two.
    """
    return Order(_alike(samples))


def same(a: Sample, b: Sample | float, *, within: float) -> Sameness:
    """Claim that two samples differ by less than `within`: in their unit, or as a factor where ratios are compared.

    Not to have found a difference does not show this; the interval has to lie inside the band.

    Raises:
        TypeError: the samples are of different quantities, or carry a margin.
        ValueError: the band is empty.
    """
    _alike((a, b if isinstance(b, Sample) else a))
    if within <= (1.0 if a.quantity.scale == "log-ratio" else 0.0):
        raise ValueError(f"nothing lies within {within:g} on a scale of {a.quantity.scale}")
    return Sameness(a, b, within)


def _alike(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    if len(samples) < 2:
        raise ValueError("a trend or an order needs two samples or more")
    if len({(sample.quantity.name, sample.quantity.scale) for sample in samples}) > 1:
        raise TypeError("samples of different quantities have no common order, trend or band")
    if any(sample.margin for sample in samples):
        raise TypeError("a margin has no place in an order, a trend or a band; declare it on a plain comparison")
    return samples
