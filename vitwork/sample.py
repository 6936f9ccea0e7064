"""Samples that compare like numbers: one value per seed, and the comparison is the statistical test. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vitwork.claim import Alternative, Effect
from vitwork.measurements.base import Quantity

Decide = Callable[["Comparison"], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One value per seed of a quantity on an arm, shifted or scaled by a margin that the claim declares.

    Attributes:
        quantity: what was measured.
        arm: on which arm.
        parameters: the parameters of the measurement.
        seeds, values: alike in length; empty while a claim is only planned. A diverged run's value is NaN.
        decide: asked for the truth of a comparison.
        margin: added to the values (differences) or multiplied, as a logarithm (ratios), when compared.
    """

    quantity: Quantity
    arm: str
    parameters: dict[str, Any]
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    decide: Decide
    margin: float = 0.0

    def __lt__(self, other: Sample | float) -> Comparison:
        """Claim that this is smaller."""
        return Comparison(self, other, "less")

    def __gt__(self, other: Sample | float) -> Comparison:
        """Claim that this is larger."""
        return Comparison(self, other, "greater")

    def __add__(self, margin: float) -> Sample:
        """Declare an additive margin."""
        self._require("difference", "added to")
        return replace(self, margin=self.margin + margin)

    def __sub__(self, margin: float) -> Sample:
        """Declare an additive margin."""
        return self + -margin

    def __rmul__(self, factor: float) -> Sample:
        """Declare a margin as a factor."""
        self._require("log-ratio", "multiplied with")
        return replace(self, margin=self.margin + math.log(factor))

    def _require(self, scale: str, verb: str) -> None:
        if self.quantity.scale != scale:
            raise TypeError(f"{self.quantity.name} is compared by {self.quantity.scale}; no margin can be {verb} it")

    @property
    def label(self) -> str:
        """The quantity and the arm in words, for statements."""
        margin = ""
        if self.margin and self.quantity.scale == "difference":
            margin = f" {'+' if self.margin > 0 else '−'} {abs(self.margin):g}"
        factor = f"{math.exp(self.margin):g} · " if self.margin and self.quantity.scale == "log-ratio" else ""
        return f"{factor}{self.quantity.name}({self.arm}){margin}"

    def __repr__(self) -> str:
        """Return the label with mean and standard deviation over seeds."""
        finite = [value for value in self.values if math.isfinite(value)]
        if len(finite) < 2:
            return f"<{self.label}>"
        mean = sum(finite) / len(finite)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in finite) / (len(finite) - 1))
        return f"<{self.label} = {mean:.4g} ± {deviation:.2g} (n={len(finite)})>"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A directional comparison of two samples, or of a sample and a constant.

    Attributes:
        a: the left side.
        b: the right side.
        alternative: the side that the claim is on.
    """

    a: Sample
    b: Sample | float
    alternative: Alternative

    @property
    def statement(self) -> str:
        """The comparison in words."""
        right = self.b.label if isinstance(self.b, Sample) else f"{self.b:g}"
        return f"{self.a.label} {'<' if self.alternative == 'less' else '>'} {right}"

    @property
    def paired(self) -> bool:
        """Whether both sides come from the same networks, seed by seed."""
        return isinstance(self.b, Sample) and self.a.arm == self.b.arm and self.a.seeds == self.b.seeds

    def test(self, alpha: float, *, sequential: bool = False) -> Effect:
        """Return the effect and its verdict at the two-sided error rate `alpha`.

        Args:
            alpha: error rate.
            sequential: test validly after every seed, at the price of some power.
        """
        from vitwork import statistics

        compare = statistics.sequential if sequential else statistics.compare

        margin = (self.b.margin if isinstance(self.b, Sample) else 0.0) - self.a.margin
        right = self.b.values if isinstance(self.b, Sample) else self.b
        return compare(
            self.a.values, right, self.alternative, margin, alpha, paired=self.paired, scale=self.a.quantity.scale
        )

    def __bool__(self) -> bool:
        """Return whether the evidence bears the comparison out, as the session decides."""
        return self.a.decide(self)
