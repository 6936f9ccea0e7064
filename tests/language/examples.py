"""A measurement, quantities of it, and references to them, for tests of the language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from vitwork.design.measurement import Measurement
from vitwork.language.quantity import Quantity, quantity
from vitwork.language.sentence import Reference, Sentence, Sheet
from vitwork.statistics.effect import Effect

Values = tuple[float, ...]
LOW, MIDDLE, HIGH = ((1.0, 1.1, 0.9, 1.05, 0.95), (2.0, 2.1, 1.9, 2.05, 1.95), (3.0, 3.1, 2.9, 3.05, 2.95))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Measurement):
    """Returns what the run is, which only the tests of this measurement's key look at."""

    name: ClassVar[str] = "reading"
    when: str = "end"
    effort: int = 1

    def measure(self, run: Any) -> dict[str, Any]:
        return {"value": run}


@quantity(Reading, name="error", unit="%")
def error(record: dict[str, Any], scale: float = 1.0) -> float:
    return scale * float(record["value"])


@quantity(Reading, name="APE", scale="log-ratio")
def ape(record: dict[str, Any]) -> float:
    return float(record["value"])


def reference(of: Quantity, arm: str, sheet: Sheet | None = None, **parameters: Any) -> Reference:
    """Return a reference; what is asserted of it is noted on `sheet`."""
    measurement, options = Reading().having(parameters)
    return Reference(of, arm, measurement, options, sheet or Sheet())


def judged(sentence: Sentence, *values: Sequence[float] | float, sequential: bool = False) -> Effect:
    """Return the effect of a sentence whose sides have these values."""
    sides = [value if isinstance(value, (int, float)) else tuple(value) for value in values]
    return sentence.judge(sides, 0.05, sequential=sequential)
