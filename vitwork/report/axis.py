"""From values to pixels: scales, ticks and the text of numbers. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


def number(value: float) -> str:
    """Return a coordinate with one decimal, as short as possible."""
    return f"{value:.1f}".removesuffix(".0")


def label(value: float) -> str:
    """Return a tick's text: at most four significant digits, a true minus sign, no exponent for common sizes."""
    return _exponent(value) if value and not 1e-3 <= abs(value) < 1e5 else f"{value:.4g}".replace("-", "−")


def labels(ticks: Sequence[float], *, log: bool = False) -> list[str]:
    """Return the texts of an axis' ticks in one notation: all with exponents or none, and equal decimals where steps are."""
    ticks = [0.0 if abs(tick) < 1e-12 * max(map(abs, ticks)) else tick for tick in ticks]
    sizes = [abs(tick) for tick in ticks if tick]
    if sizes and not (min(sizes) >= 1e-4 and max(sizes) < 1e5):
        return [_exponent(tick) if tick else "0" for tick in ticks]
    plain = [f"{tick:.4g}" for tick in ticks]
    if not log:
        decimals = max((len(text.partition(".")[2]) for text in plain), default=0)
        plain = [f"{tick:.{decimals}f}" if tick else "0" for tick in ticks]
    return [text.replace("-", "−") for text in plain]


def _exponent(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from values to pixels.

    Attributes:
        low, high: values at `start` and `stop`.
        start, stop: pixels.
        log: whether equal factors, not equal differences, are equally far apart.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`, held within a plot's length of the plot."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-300))
        part = (value - low) / (high - low)
        return self.start + (self.stop - self.start) * (-1.0 if part < -1.0 else min(part, 2.0))

    def ticks(self, about: int = 5) -> list[float]:
        """Return about so many round values between `low` and `high`."""
        if self.log and self.high / self.low > 8:
            return self._decades()
        step = _round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [place * step for place in range(first, last + 1)]

    def _decades(self) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = max(1, len(decades) // 6)
        steps = (1, 3) if len(decades) <= 3 else (1,)
        marks = [step * 10.0**decade for decade in decades[::every] for step in steps]
        return [mark for mark in marks if self.low * (1 - 1e-9) <= mark <= self.high * (1 + 1e-9)]


LARGEST = 1e100
"""Numbers beyond are not drawn: no network gives them, and squares and sums of them would be infinite."""


def excessive(value: object) -> bool:
    """Return whether a value, or any within a record, is a finite number too large to be drawn."""
    if isinstance(value, Mapping):
        return any(map(excessive, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(excessive, value))
    return isinstance(value, (int, float)) and LARGEST < abs(value) < math.inf


def _round_step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)


def span(
    values: Iterable[float | None], *, pad: float = 0.06, log: bool = False, include: Sequence[float] = ()
) -> Point:
    """Return an interval that holds all finite values, widened by `pad` of its length at both ends."""
    finite = [value for value in (*values, *include) if value is not None and abs(value) < LARGEST]
    if log:
        finite = [value for value in finite if value > 0]
        low, high = (min(finite), max(finite)) if finite else (1.0, 10.0)
        factor = (high / low) ** pad if high > low else 1.5
        return low / factor, high * factor
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = (high - low) * pad or abs(low) * 0.1 or 1.0
    return low - room, high + room
