"""Samples that compare like numbers: one value per seed, and the comparison is the statistical test. No torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vitwork.statistics.effect import Alternative, Effect
from vitwork.language.quantity import Quantity

Decide = Callable[["Assertion"], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One value per seed of a quantity on an arm, shifted or scaled by a margin that the claim declares.

    Attributes:
        quantity: what was measured.
        arm: on which arm.
        parameters: those of the measurement and of the quantity.
        seeds, values: alike in length; empty while a claim is only planned. A diverged run's value is NaN.
        decide: asked for the truth of an assertion.
        margin: added to the values (differences) or, as the logarithm of a factor, multiplied (ratios) when compared.
        qualifier: what tells the sample from another of the same quantity and arm, in words.
    """

    quantity: Quantity
    arm: str
    parameters: dict[str, Any]
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    decide: Decide
    margin: float = 0.0
    qualifier: str = ""

    def __lt__(self, other: Sample | float) -> Comparison:
        """Claim that this is smaller."""
        return Comparison(*told_apart(self, other), "less")

    def __gt__(self, other: Sample | float) -> Comparison:
        """Claim that this is larger."""
        return Comparison(*told_apart(self, other), "greater")

    def __add__(self, margin: float) -> Sample:
        """Declare an additive margin."""
        self._require(("difference",), "added to")
        return replace(self, margin=self.margin + margin)

    def __sub__(self, margin: float) -> Sample:
        """Declare an additive margin."""
        return self + -margin

    def __rmul__(self, factor: float) -> Sample:
        """Declare a margin as a factor."""
        self._require(("log-ratio", "ratio"), "multiplied with")
        return replace(self, margin=self.margin + math.log(factor))

    def _require(self, scales: tuple[str, ...], verb: str) -> None:
        if self.quantity.scale not in scales:
            raise TypeError(f"{self.quantity.name} is compared by {self.quantity.scale}; no margin can be {verb} it")

    @property
    def label(self) -> str:
        """The quantity and the arm in words, for statements."""
        margin = ""
        if self.margin and self.quantity.scale == "difference":
            margin = f" {'+' if self.margin > 0 else '−'} {abs(self.margin):g}"
        factor = f"{math.exp(self.margin):g} · " if self.margin and not margin else ""
        return f"{factor}{self.quantity.name}({self.arm}{self.qualifier}){margin}"

    def __repr__(self) -> str:
        """Return the label with mean and standard deviation over seeds."""
        finite = [value for value in self.values if math.isfinite(value)]
        if len(finite) < 2:
            return f"<{self.label}>"
        mean = sum(finite) / len(finite)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in finite) / (len(finite) - 1))
        return f"<{self.label} = {mean:.4g} ± {deviation:.2g} (n={len(finite)})>"


class Assertion(ABC):
    """A sentence about samples that a claim's test asserts; the session decides whether it is true."""

    __slots__ = ()

    @property
    @abstractmethod
    def sides(self) -> tuple[Sample | float, ...]:
        """The samples in the order of the sentence; a constant may stand last."""

    @property
    @abstractmethod
    def statement(self) -> str:
        """The sentence in words."""

    @abstractmethod
    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the effect and its verdict at the two-sided error rate `alpha`.

        Args:
            alpha: error rate.
            sequential: test validly after every seed, at the price of some power.
        """

    @abstractmethod
    def smallest(self, alpha: float) -> float:
        """Return the smallest effect that the planned seeds show, in standard deviations over seeds, at `alpha`."""

    @property
    def a(self) -> Sample:
        """The first side."""
        first = self.sides[0]
        assert isinstance(first, Sample)
        return first

    @property
    def b(self) -> Sample | float:
        """The last side."""
        return self.sides[-1]

    @property
    def declared(self) -> dict[str, Any]:
        """What the sentence fixes beside its sides, for the results."""
        return {}

    def __bool__(self) -> bool:
        """Return whether the evidence bears the sentence out, as the session decides."""
        return self.a.decide(self)

    def __repr__(self) -> str:
        """Return the sentence with every sample's mean and spread."""
        return f"<{self.statement}: {', '.join(map(repr, self.sides))}>"


def smallest_shown(alpha: float, sample: Sample, *, power: float = 0.8, arms: float = 2) -> float:
    """Return the smallest effect that the sample's seeds show, as `vitwork.statistics.detectable` for its scale."""
    from vitwork.statistics import detectable
    from vitwork.statistics.contrasts import penalty_of

    penalty = penalty_of(sample.quantity.scale).typical(alone=arms == 1)
    return detectable(len(sample.seeds), alpha, power=power, penalty=penalty, arms=arms)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Assertion):
    """A directional comparison of two samples, or of a sample and a constant.

    Attributes:
        left: the left side.
        right: the right side.
        alternative: the side that the claim is on.
    """

    left: Sample
    right: Sample | float
    alternative: Alternative

    @property
    def sides(self) -> tuple[Sample | float, ...]:
        """Both sides."""
        return self.left, self.right

    @property
    def statement(self) -> str:
        """The comparison in words."""
        return f"{self.left.label} {'<' if self.alternative == 'less' else '>'} {worded(self.right)}"

    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the effect of the left side against the right."""
        from vitwork.statistics import compare

        margin = (self.right.margin if isinstance(self.right, Sample) else 0.0) - self.left.margin
        scale = self.left.quantity.scale
        return compare(
            self.left.values, valued(self.right), self.alternative, math.exp(margin) if scale == "ratio" else margin,
            alpha, paired=paired(self.left, self.right), scale=scale, anytime=sequential,
        )  # fmt: skip

    def smallest(self, alpha: float) -> float:
        """Return the smallest difference of the sides."""
        alone = not isinstance(self.right, Sample) or paired(self.left, self.right)
        return smallest_shown(alpha, self.left, arms=1 if alone else 2)


def told_apart(a: Sample, b: Sample | float) -> tuple[Sample, Sample | float]:
    """Return both sides; where only parameters tell them apart, their labels name these."""
    if not isinstance(b, Sample) or (a.quantity.name, a.arm) != (b.quantity.name, b.arm):
        return a, b
    differing = [name for name, value in a.parameters.items() if b.parameters.get(name) != value]
    words = ("".join(f", {side.parameters.get(name)}" for name in differing) for side in (a, b))
    return replace(a, qualifier=next(words)), replace(b, qualifier=next(words))


def paired(a: Sample, b: Sample | float) -> bool:
    """Return whether both sides come from the same networks, seed by seed."""
    return isinstance(b, Sample) and a.arm == b.arm and a.seeds == b.seeds


def worded(side: Sample | float) -> str:
    """Return a side in words."""
    return side.label if isinstance(side, Sample) else f"{side:g}"


def valued(side: Sample | float) -> tuple[float, ...] | float:
    """Return the values of a side, or the constant."""
    return side.values if isinstance(side, Sample) else side
