"""Sentences beyond simple comparisons: trends, orders, rank correlations, and claims of no difference.

A test asserts them like comparisons: ``assert falling(ape("vit-1-head"), ape("vit-2-heads"), ape("vit-4-heads"))``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from vitwork.language.sentence import (
    Form,
    Reference,
    Sentence,
    Values,
    number,
    paired,
    sample_and_other,
    told_apart,
    worded,
)
from vitwork.statistics.effect import Alternative, Effect

INTERACTION = (0.25, -0.25, -0.25, 0.25)
"""Levels of four arms for which the slope is the difference between the differences of two pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class OverArms(Sentence):
    """A sentence whose sides are arms in a meaningful order.

    Attributes:
        arms: references to one quantity.
    """

    arms: tuple[Reference, ...]

    @property
    def sides(self) -> tuple[Reference | float, ...]:
        """The arms."""
        return self.arms


@dataclass(frozen=True, slots=True, eq=False)
class Trend(OverArms):
    """A quantity that falls or rises over arms: the slope of its means, or of its mean logarithms, over levels.

    Attributes:
        arms: in the order of the levels.
        places: positions of the arms.
        alternative: ``less`` for a falling trend, ``greater`` for a rising one.
    """

    places: tuple[float, ...]
    alternative: Alternative
    control: str = ""
    form: ClassVar[Form] = "trend"

    @property
    def statement(self) -> str:
        """The trend in words."""
        equal_steps = self.places == tuple(range(len(self.arms)))
        at = "" if equal_steps else f" (at {', '.join(f'{place:g}' for place in self.places)})"
        verb = "falls" if self.alternative == "less" else "rises"
        return f"{self.first.quantity.name} {verb} over {', '.join(side.place for side in self.arms)}{at}"

    @property
    def levels(self) -> tuple[float, ...]:
        """The positions of the arms."""
        return self.places

    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the slope."""
        from vitwork.statistics import trend

        samples = [side for side in values if isinstance(side, tuple)]
        return trend(
            samples, self.alternative, alpha=alpha, levels=self.places, scale=self.first.quantity.scale,
            anytime=sequential, skewed=skewed,
        )  # fmt: skip

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest detectable difference between the outermost levels, assuming a linear trend."""
        from vitwork.statistics import detectable
        from vitwork.statistics.structured import slope_weights

        variance = sum(weight**2 for weight in slope_weights(len(self.places), self.places))
        spread = (max(self.places) - min(self.places)) ** 2
        return detectable(seeds, alpha, arms=spread * variance)


@dataclass(frozen=True, slots=True, eq=False)
class Order(OverArms):
    """References of which each is smaller than the next, as one hypothesis that is true if every step is.

    Attributes:
        arms: in the claimed order.
    """

    control: str = ""
    form: ClassVar[Form] = "order"

    @property
    def statement(self) -> str:
        """The order as a formula."""
        return " < ".join(side.label for side in self.arms)

    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the effect of the weakest step."""
        from vitwork.statistics import ordering

        samples = [side for side in values if isinstance(side, tuple)]
        return ordering(samples, "less", alpha, scale=self.first.quantity.scale, anytime=sequential, skewed=skewed)

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest detectable difference, which every step needs."""
        from vitwork.statistics import detectable

        return detectable(seeds, alpha, power=0.8 ** (1 / (len(self.arms) - 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Interaction(Trend):
    """The claim that one difference is larger than another: a slope over four arms, whose levels give the signs."""

    @property
    def statement(self) -> str:
        """The interaction as a formula."""
        a, b, c, d = (side.label for side in self.arms)
        return f"{a} − {b} > {c} − {d}"

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest detectable difference of differences; its error contains that of four arms."""
        from vitwork.statistics import detectable

        return detectable(seeds, alpha, arms=4)


@dataclass(frozen=True, slots=True, eq=False)
class Correlation(OverArms):
    """A quantity that rises with the claimed ranks of arms: Kendall's tau of every seed's own order.

    Attributes:
        arms: in the order of the ranks.
        ranks: one for each arm; arms of one rank are not compared with each other.
    """

    ranks: tuple[float, ...]
    control: str = ""
    form: ClassVar[Form] = "correlation"

    @property
    def statement(self) -> str:
        """The correlation in words."""
        groups: dict[float, list[str]] = {}
        for side, rank in zip(self.arms, self.ranks, strict=True):
            groups.setdefault(rank, []).append(side.place)
        return f"{self.first.quantity.name} ranks {' < '.join(', '.join(names) for names in groups.values())}"

    @property
    def levels(self) -> tuple[float, ...]:
        """The claimed ranks."""
        return self.ranks

    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the mean rank correlation, which skewness does not affect."""
        from vitwork.statistics import rank_correlation

        del skewed
        samples = [side for side in values if isinstance(side, tuple)]
        return rank_correlation(samples, alpha=alpha, levels=self.ranks, anytime=sequential)

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return approximately the smallest detectable difference between neighbouring ranks: that of two arms."""
        from vitwork.statistics import detectable

        return detectable(seeds, alpha)


@dataclass(frozen=True, slots=True, eq=False)
class Sameness(Sentence):
    """Two references, or a reference and a constant, that differ by less than a declared amount.

    Attributes:
        left, right: the sides that are claimed to be the same.
        within: the largest difference that counts as no difference; a factor for a quantity compared by log-ratio.
    """

    left: Reference
    right: Reference | float
    within: float
    control: str = ""
    form: ClassVar[Form] = "sameness"

    @property
    def sides(self) -> tuple[Reference | float, ...]:
        """Both sides."""
        return self.left, self.right

    @property
    def statement(self) -> str:
        """The sameness in words."""
        by = "a factor of " if self.left.quantity.scale == "log-ratio" else ""
        return f"{self.left.label} = {worded(self.right)} within {by}{self.within:g}"

    @property
    def band(self) -> float:
        """The largest difference that counts as no difference."""
        return self.within

    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the effect of the left side against the right, judged by both edges of the band."""
        from vitwork.statistics import equivalent

        scale = self.left.quantity.scale
        band = math.log(self.within) if scale == "log-ratio" else self.within
        return equivalent(
            *sample_and_other(values), band, alpha, paired=paired(self.left, self.right), scale=scale,
            anytime=sequential, skewed=skewed,
        )  # fmt: skip

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest band within which equal sides can be shown to lie; both edges must be cleared."""
        from vitwork.statistics import detectable

        alone = not isinstance(self.right, Reference) or paired(self.left, self.right)
        return detectable(seeds, alpha, power=0.9, arms=1 if alone else 2)


def falling(*arms: Reference, levels: Sequence[float] | None = None) -> Trend:
    """Claim that a quantity falls over the arms, in the order given.

    Args:
        arms: references to one quantity.
        levels: positions of the arms (heads, patch sizes, data); equal steps by default. Give logarithms for sizes that
            grow by factors. NaN for an arm that the scale lacks.

    Raises:
        TypeError: the references are to different quantities, or carry a margin; a level is not a number, or infinite.
        ValueError: there are fewer than two arms, not one level for each, or all levels are equal.
    """
    return _trend(arms, levels, "less")


def rising(*arms: Reference, levels: Sequence[float] | None = None) -> Trend:
    """Claim that a quantity rises over the arms, in the order given; takes the arguments of `falling`."""
    return _trend(arms, levels, "greater")


def _trend(arms: tuple[Reference, ...], levels: Sequence[float] | None, alternative: Alternative) -> Trend:
    given = range(len(arms)) if levels is None else levels
    places = tuple(place if math.isnan(place) else number(place, "a level") for place in given)
    _check_alike(arms)
    if len(places) != len(arms) or len(set(places)) < 2:
        raise ValueError("a trend needs one level for each arm, not all alike")
    return Trend(told_apart(*arms), places, alternative)


def ordered(*arms: Reference) -> Order:
    """Claim that each reference is smaller than the next, as one hypothesis.

    A chain ``a < b < c`` states one hypothesis per step, and each makes the correction for multiplicity stricter for
    the others. An order is decided as a whole and counts once.

    Raises:
        TypeError: the references are to different quantities, or carry a margin.
        ValueError: there are fewer than two arms.
    """
    _check_alike(arms)
    return Order(told_apart(*arms))


def interacting(more: tuple[Reference, Reference], less: tuple[Reference, Reference]) -> Interaction:
    """Claim that the first pair differs by more than the second: ``more[0] − more[1] > less[0] − less[1]``.

    Raises:
        TypeError: the references are to different quantities, or carry a margin.
    """
    arms = (*more, *less)
    _check_alike(arms)
    return Interaction(told_apart(*arms), INTERACTION, "greater")


def correlated(*groups: Sequence[Reference]) -> Correlation:
    """Claim that a quantity rises from group to group, by rank; not every step has to be significant.

    Args:
        groups: references to one quantity, one or more for each rank.

    Raises:
        TypeError: the references are to different quantities, or carry a margin.
        ValueError: there are fewer than two groups with an arm.
    """
    filled = [group for group in groups if group]
    arms = tuple(side for group in filled for side in group)
    _check_alike(arms)
    if len(filled) < 2:
        raise ValueError("a rank correlation needs arms of two ranks or more")
    return Correlation(told_apart(*arms), tuple(float(rank) for rank, group in enumerate(filled) for _ in group))


def same(a: Reference, b: Reference | float, *, within: float) -> Sameness:
    """Claim that two references differ by less than `within`: in their unit, or as a factor where ratios are compared.

    Finding no difference does not show this; the interval must lie inside the band.

    Raises:
        TypeError: the references are to different quantities, or carry a margin; `b` or `within` is no finite number.
        ValueError: the band is empty.
    """
    _check_alike((a, b if isinstance(b, Reference) else a))
    if isinstance(b, Reference):
        a, b = told_apart(a, b)
    within = number(within, "a band")
    if within <= (1.0 if a.quantity.scale == "log-ratio" else 0.0):
        raise ValueError(f"nothing lies within {within:g} on a scale of {a.quantity.scale}")
    return Sameness(a, b if isinstance(b, Reference) else number(b, f"what {a.label} is compared with"), within)


def _check_alike(arms: tuple[Reference, ...]) -> None:
    if len(arms) < 2:
        raise ValueError("a trend or an order needs two arms or more")
    if len({(side.quantity.name, side.quantity.scale) for side in arms}) > 1:
        raise TypeError("different quantities have no common order, trend or band")
    if any(side.margin for side in arms):
        raise TypeError("a margin has no place in an order, a trend or a band; declare it on a plain comparison")
