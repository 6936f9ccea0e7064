"""Quantities: the numbers that claims compare, one per trained network, each computed from a measurement's record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from vitwork.design.measurement import Measurement, Record
from vitwork.errors import VitworkError
from vitwork.statistics.effect import Scale


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number per trained network that claims compare.

    Attributes:
        name: its name in statements.
        measurement: the kind of measurement whose record it is computed from.
        value: computes it; called as ``value(record, **parameters)``.
        unit: unit of the number, empty for none.
        scale: how arms are compared: by ``difference`` of means, by ``log-ratio`` (of geometric means, for positive
            quantities) or by the ``probability`` that a run of one exceeds a run of the other.
        trials: for a percentage of counted trials, the number of trials per network; None for other numbers.
        error: computes the measurement's own standard error, called like ``value``; None if it is not known.
        drawn: whether every run is measured on images of its own, so that their choice adds to the spread over networks;
            images that all runs share add nothing to a comparison.
        augmented: whether it is measured on training images as the recipe augments them.
    """

    name: str
    measurement: type[Measurement]
    value: Callable[..., float]
    unit: str = ""
    scale: Scale = "difference"
    error: Callable[..., float] | None = None
    trials: Callable[[Any], int] | None = None
    drawn: bool = False
    augmented: bool = False


def quantity(
    of: type[Measurement],
    name: str = "",
    unit: str = "",
    scale: Scale = "difference",
    *,
    error: Callable[..., float] | None = None,
    trials: Callable[[Any], int] | None = None,
    drawn: bool = False,
    augmented: bool = False,
) -> Callable[[Callable[..., float]], Quantity]:
    """Make a quantity from a function of (record, parameters…)."""

    def make(value: Callable[..., float]) -> Quantity:
        return Quantity(
            name or value.__name__.replace("_", " "), of, value, unit, scale, error, trials, drawn, augmented
        )

    return make


class AbsentError(VitworkError):
    """A network lacks the parts that a quantity is about; the message names them."""


def mean(values: Iterable[float], of: str) -> float:
    """Return the mean of values, one for each of a network's parts of a kind.

    Raises:
        AbsentError: the network has no such parts.
    """
    found = list(values)
    if not found:
        raise AbsentError(of)
    return float(sum(found) / len(found))


def ratio(part: float, whole: float) -> float:
    """Return the quotient of two numbers; NaN if it is undefined."""
    return float(part / whole) if whole else math.nan


def log(value: float) -> float:
    """Return the natural logarithm, whose limit at 0 is −∞."""
    return math.log(value) if value else -math.inf


def columns(result: object, *names: str) -> Record:
    """Return fields of an analysis' result in the form of records: sequences as lists, tensors as numbers."""
    return {name: _listed(getattr(result, name)) for name in names}


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return [_listed(item) for item in value] if isinstance(value, (tuple, list)) else value
