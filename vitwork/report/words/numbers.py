"""Numbers in words: durations, sizes, moments, counts, settings. Imports no numerical library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

MOST = 5
"""Names that stand in a row."""
LEVEL = 0.05
"""The error rate at which profiles decide."""
ROUNDED = 0.9995
"""From this part of a unit on, a number with three digits is one of it."""


def quantity(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number with so many significant digits and a true minus sign; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign and value else ''}.{digits}g}".replace("-", "−")


def probability(value: float | None) -> str:
    """Return a p or q with two digits, or with as many as show on which side of 5 % it lies."""
    if value is None or not math.isfinite(value):
        return quantity(value)
    sides = (digits for digits in range(2, 17) if (float(f"{value:.{digits}g}") <= LEVEL) == (value <= LEVEL))
    return quantity(value, next(sides, 17))


def listed(names: Sequence[str], between: str) -> str:
    """Return names in a row, of many the first few and how many more there are."""
    more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
    return between.join([*names[:MOST], *more])


def sentence(text: str) -> str:
    """Return a text that stands alone, in its own line or paragraph, with a capital.

    One rule for all pages: what stands alone begins with a capital; names (arms, verdicts, axes, parameters) are written as
    they are, and what follows a name or a number on its line begins small. A first word with a digit, a bracket or an equals
    sign is a name or a formula.
    """
    first = text.partition(" ")[0]
    coded = any(letter.isdigit() or letter in "_(=<>" for letter in first) or text[len(first) :].startswith(" = ")
    return text if coded else text[:1].upper() + text[1:]


def fixed(value: float | None, decimals: int) -> str:
    """Return a number of a column, all of which have so many decimals; a dash for None."""
    if value is None or not abs(value) < 1e6:  # decimals would say nothing of what diverged
        return quantity(value)
    return f"{value:.{decimals}f}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if seconds is None:
        return "–"
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def energy(joules: float | None) -> str:
    """Return an energy in the unit that suits it, empty for None."""
    if joules is None:
        return ""
    for limit, size, unit in ((1e3, 1.0, "J"), (1e6, 1e3, "kJ")):
        if joules < ROUNDED * limit:
            return f"{joules / size:.3g} {unit}"
    return f"{joules / 3.6e6:.3g} kWh"


def cost(seconds: float | None, joules: float | None = None) -> str:
    """Return time, and energy where it is known; empty where nothing was spent."""
    return ", ".join(part for part in (duration(seconds) if seconds else "", energy(joules)) if part)


def moment(seconds: float) -> str:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def size(number: object) -> str:
    """Return a count of bytes; anything else as it is."""
    return f"{number / 2**30:.1f} GiB" if isinstance(number, (int, float)) else str(number)


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 claim``, ``2 claims``, ``2 hypotheses``."""
    more = f"{noun[:-2]}es" if noun.endswith("is") else f"{noun}s"
    return f"{number} {noun if number == 1 else more}"


def count(number: float) -> str:
    """Return a large count with three significant digits."""
    for limit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= ROUNDED * limit:
            return f"{number / limit:.3g}{name}"
    return str(number)


def snapshot(when: str | int) -> str:
    """Return a moment of training in words: ``after warm-up``, ``at the end``, ``at epoch 100``."""
    named = {"init": "before training", "warmup": "after warm-up", "end": "at the end"}
    return named.get(str(when), f"at epoch {when}" if str(when).isdigit() else str(when))


def settings(given: Mapping[str, Any]) -> str:
    """Return parameters as a short list of names and values, nested ones in brackets."""
    parts = []
    for name, value in given.items():
        if name == "when":
            parts.append(snapshot(value))
        else:
            parts.append(f"{name.replace('_', ' ')} {_setting(value)}")
    return ", ".join(parts)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({settings(value)})" if value else "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value)) or "none"
    return "none" if value in (None, "") else str(value)
