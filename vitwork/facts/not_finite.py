"""Keeps numbers that JSON cannot hold (NaN, infinities) beside a record, so that it can be restored exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from vitwork.facts.document import NotFinite


def not_finite(values: Any) -> dict[str, NotFinite]:
    """Return the numbers of a record that are NaN or infinite, by their place (``/angle/0``); JSON shows null."""
    return {place: cast("NotFinite", str(number)) for place, number in _numbers(values) if not math.isfinite(number)}


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _numbers(item, f"{place}/{name}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _numbers(item, f"{place}/{number}")


def restored(values: Any, known: Mapping[str, NotFinite], place: str = "") -> Any:
    """Return a record as it was before it was written as JSON.

    Args:
        values: as read, with null for what is not finite.
        known: what `not_finite` returned for it; a null whose place is not among them was one before.
        place: of `values` within the record.
    """
    if not known:
        return values
    if values is None:
        return float(known[place]) if place in known else None
    if isinstance(values, Mapping):
        return {name: restored(item, known, f"{place}/{name}") for name, item in values.items()}
    if isinstance(values, list):
        return [restored(item, known, f"{place}/{number}") for number, item in enumerate(values)]
    return values
