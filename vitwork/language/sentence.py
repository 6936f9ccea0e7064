"""References to quantities, and the sentences that compare them, which a claim's test asserts.

A test is read once, when it is collected. ``measure(quantity)("vit")`` is a `Reference`: it names a quantity of an arm
and holds no number. Comparing references makes a `Sentence`, and asserting a sentence notes it. The judge looks up the
numbers later, and again whenever seeds are added. Expressions that cannot be judged are refused while the test is read.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

from vitwork.design.measurement import Measurement
from vitwork.language.quantity import Quantity
from vitwork.statistics.effect import Alternative, Effect

Values = tuple[float, ...]
Form = Literal["comparison", "trend", "order", "correlation", "sameness"]


@dataclass(slots=True)
class Sheet:
    """The sentences of a test.

    Attributes:
        made: every sentence, in order.
        asserted: the asserted sentences, in order, each as often as it is asserted.
    """

    made: list[Sentence] = field(default_factory=list)
    asserted: list[Sentence] = field(default_factory=list)

    @property
    def silent(self) -> list[Sentence]:
        """The sentences that were made and never asserted."""
        known = set(map(id, self.asserted))
        return [sentence for sentence in self.made if id(sentence) not in known]

    def withdraw(self, sentence: Sentence) -> None:
        """Remove a sentence, because another one replaces it."""
        self.made = [other for other in self.made if other is not sentence]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reference:
    """A quantity of an arm: one number per trained network, once they are measured.

    ``reference < other`` and ``reference > other`` are sentences. ``reference + 2`` and ``0.5 * reference`` declare a
    margin: an amount if quantities are compared by difference, a factor if they are compared by ratio.

    Attributes:
        quantity: what is compared.
        arm: name of the arm.
        measurement: the analysis whose record the quantity is computed from, with all its parameters.
        options: parameters of the quantity itself.
        sheet: collects the sentences made from this reference.
        margin: declared margin; a natural logarithm for factors.
        qualifier: distinguishes this reference from others of the same arm in a sentence.
    """

    quantity: Quantity
    arm: str
    measurement: Measurement
    options: Mapping[str, Any] = field(default_factory=dict)
    sheet: Sheet = field(default_factory=Sheet)
    margin: float = 0.0
    qualifier: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, of the measurement and of the quantity."""
        return {**self.measurement.parameters, **self.options}

    @property
    def label(self) -> str:
        """The quantity and the arm as formulas show them."""
        amount = factor = ""
        if self.margin and self.quantity.scale == "difference":
            amount = f" {'+' if self.margin > 0 else '−'} {abs(self.margin):g}"
        elif self.margin:
            factor = f"{math.exp(self.margin):g} · "
        return f"{factor}{self.quantity.name}({', '.join(filter(None, (self.arm, self.qualifier)))}){amount}"

    @property
    def place(self) -> str:
        """The arm, with the qualifier that distinguishes this reference from others of the same arm."""
        return f"{self.arm} ({self.qualifier})" if self.qualifier else self.arm

    def __lt__(self, other: Reference | float) -> Inequality:
        """Claim that this is smaller."""
        return Inequality(*_both(self, other), "less")

    def __gt__(self, other: Reference | float) -> Inequality:
        """Claim that this is larger."""
        return Inequality(*_both(self, other), "greater")

    def __add__(self, margin: float) -> Reference:
        """Declare an amount as margin."""
        self._require("difference", "added to")
        return replace(self, margin=number(self.margin + margin, f"a margin of {self.label}"))

    def __sub__(self, margin: float) -> Reference:
        """Declare an amount as margin."""
        return self + -margin

    def __rmul__(self, factor: float) -> Reference:
        """Declare a factor as margin."""
        self._require("log-ratio", "multiplied with")
        if number(factor, f"a factor of {self.label}") <= 0:
            raise ValueError(f"a factor of {self.label} is above 0, not {factor!r}")
        return replace(self, margin=self.margin + math.log(factor))

    def _require(self, scale: str, verb: str) -> None:
        if self.quantity.scale != scale:
            raise TypeError(f"{self.quantity.name} is compared by {self.quantity.scale}; no margin can be {verb} it")

    def __eq__(self, other: object) -> NoReturn:
        """Raise an error: comparing names is not a statement, and a claim of equal numbers needs a band (`same`)."""
        raise TypeError(f"{self.label} is compared by == or !=, which states nothing: say same(…, within=…)")

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        """Return the label."""
        return self.label

    def __bool__(self) -> bool:
        """Raise an error: a test may state sentences about a quantity, but not branch on it."""
        raise TypeError(f"{self.label} has no truth value; compare it with something")


class Sentence(ABC):
    """A statement about references that a test asserts; whether it holds is judged later.

    Attributes:
        form: kind of sentence.
        control: what the sentence controls for; empty for the paper's own reading, which decides.
    """

    __slots__ = ()
    form: ClassVar[Form]
    control: str

    @property
    @abstractmethod
    def sides(self) -> tuple[Reference | float, ...]:
        """The references in the order of the sentence; the last side may be a constant."""

    @property
    @abstractmethod
    def statement(self) -> str:
        """The sentence as a formula."""

    @abstractmethod
    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the effect and its verdict.

        Args:
            values: for each side, in order, one number per seed, or the constant.
            alpha: two-sided error rate.
            sequential: judge validly after every seed, at the price of some power.
            skewed: guard against skewness that the session's own data show.
        """

    @abstractmethod
    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest effect that this number of seeds per arm can show at `alpha`, in standard deviations."""

    @property
    def levels(self) -> tuple[float, ...] | None:
        """The positions of the sides of a trend; None for other sentences."""
        return None

    @property
    def band(self) -> float | None:
        """The largest difference, or factor, that a sameness allows; None for other sentences."""
        return None

    @property
    def references(self) -> tuple[Reference, ...]:
        """The sides that are measured."""
        return tuple(side for side in self.sides if isinstance(side, Reference))

    @property
    def conditions(self) -> tuple[str, ...]:
        """The arms of the sides, each once; sides of one arm are paired by its networks, those of several are independent."""
        return tuple(dict.fromkeys(side.arm for side in self.references))

    @property
    def first(self) -> Reference:
        """The first side."""
        return self.references[0]

    def __post_init__(self) -> None:
        """Note that the test makes this sentence, so that one that it never asserts can be reported."""
        self.first.sheet.made.append(self)

    def __bool__(self) -> bool:
        """Note that the test asserts this; Python objects have no other way to detect an `assert`."""
        self.first.sheet.asserted.append(self)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Inequality(Sentence):
    """A directional comparison of two references, or of a reference and a constant.

    Attributes:
        left, right: the sides.
        alternative: the side that the claim is on.
    """

    left: Reference
    right: Reference | float
    alternative: Alternative
    control: str = ""
    form: ClassVar[Form] = "comparison"

    @property
    def sides(self) -> tuple[Reference | float, ...]:
        """Both sides."""
        return self.left, self.right

    @property
    def statement(self) -> str:
        """The comparison as a formula."""
        return f"{self.left.label} {'<' if self.alternative == 'less' else '>'} {worded(self.right)}"

    def judge(
        self, values: Sequence[Values | float], alpha: float, *, sequential: bool = False, skewed: bool = False
    ) -> Effect:
        """Return the effect of the left side against the right."""
        from vitwork.statistics import Rate, compare

        margin = (self.right.margin if isinstance(self.right, Reference) else 0.0) - self.left.margin
        trials = self.left.quantity.trials
        rate = None if trials is None else Rate(trials(self.left.measurement), whole=100.0)
        return compare(
            *sample_and_other(values), self.alternative, margin, alpha,
            paired=paired(self.left, self.right), scale=self.left.quantity.scale, anytime=sequential, skewed=skewed, rate=rate,
        )  # fmt: skip

    def smallest(self, seeds: int, alpha: float) -> float:
        """Return the smallest difference of the sides."""
        from vitwork.statistics import detectable

        alone = not isinstance(self.right, Reference) or paired(self.left, self.right)
        return detectable(seeds, alpha, arms=1 if alone else 2)


Some = TypeVar("Some", bound=Sentence)


def control(sentence: Some, condition: str) -> Some:
    """Make a sentence a control: it qualifies the verdict and never decides.

    ``assert control(trained("vit") < trained("resnet"), "with BatchNorm in train mode")``

    Args:
        sentence: the claim's sentence under another condition.
        condition: what differs, worded to follow a verdict: "reproduced, but not with BatchNorm in train mode".

    Raises:
        TypeError: the condition is not a non-empty text; without one the sentence would decide.
    """
    if not isinstance(condition, str) or not condition:
        raise TypeError(f"the condition of a control is in words, not {condition!r}")
    sentence.first.sheet.withdraw(sentence)
    return replace(sentence, control=condition)  # type: ignore[type-var]  # every sentence is a dataclass


def sample_and_other(values: Sequence[Values | float]) -> tuple[Values, Values | float]:
    """Return the values of both sides; only the second may be a constant."""
    first, second = values
    assert isinstance(first, tuple)
    return first, second


def paired(a: Reference, b: Reference | float) -> bool:
    """Return whether both sides are measured on the same networks, seed by seed."""
    return isinstance(b, Reference) and a.arm == b.arm


def worded(side: Reference | float) -> str:
    """Return a side as formulas show it."""
    return side.label if isinstance(side, Reference) else f"{side:g}"


def number(value: object, role: str) -> float:
    """Return a number that a test's author wrote.

    Args:
        value: the number.
        role: what the number is, as the start of an error message.

    Raises:
        TypeError: the value is not a number, or not finite.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"{role} is a finite number, not {value!r}")
    return float(value)


def told_apart(*sides: Reference) -> tuple[Reference, ...]:
    """Return references; those that differ only in parameters get labels that name the parameters."""
    return tuple(replace(side, qualifier=_qualifier(side, sides)) for side in sides)


def _qualifier(side: Reference, sides: Sequence[Reference]) -> str:
    alike = [one.parameters for one in sides if (one.quantity.name, one.arm) == (side.quantity.name, side.arm)]
    own = side.parameters
    return ", ".join(str(value) for name, value in own.items() if any(one.get(name) != value for one in alike))


def _both(a: Reference, b: Reference | float) -> tuple[Reference, Reference | float]:
    """Return both sides of a comparison as it states them."""
    if not isinstance(b, Reference):
        return a, number(b, f"what {a.label} is compared with")
    first, second = told_apart(a, b)
    return first, second
