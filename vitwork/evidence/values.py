"""Tables of the values that claims compare: for one arm, a row per network and a column per value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vitwork.language.sentence import Reference
from vitwork.report import words
from vitwork.session.lookup import LackError, Lookup
from vitwork.session.plan import Plan
from vitwork.statistics.comparison import on_scale
from vitwork.store.keys import digest

Array = NDArray[np.float64]


def columns_of(plan: Plan, arm: str) -> dict[str, Reference]:
    """Return the values of an arm that claims compare, each once, by a unique name."""
    sides: dict[str, Reference] = {}
    for test in plan.tests.values():
        for sentence in test.case.sentences if test.lack is None else ():
            for side in sentence.references:
                if side.arm == arm:
                    sides.setdefault(digest([side.quantity.name, side.measurement.name, side.parameters]), side)
    names = [side.quantity.name for side in sides.values()]
    return {
        name if names.count(name) == 1 else f"{name} ({words.settings(side.parameters)})": side
        for name, side in zip(names, sides.values(), strict=True)
    }


def table(lookup: Lookup, plan: Plan, sides: Iterable[Reference], seeds: Sequence[int]) -> Array:
    """Return a row per seed and a column per value; NaN for a value that is not available."""
    return np.array([[_number(lookup, plan, side, seed) for side in sides] for seed in seeds], dtype=np.float64)


def _number(lookup: Lookup, plan: Plan, side: Reference, seed: int) -> float:
    try:
        (value,) = lookup.values(side, [plan.want(plan.profile.arms[side.arm], seed, side.measurement)])
    except LackError:
        return math.nan
    return value


def scaled(rows: Array, sides: Iterable[Reference]) -> Array:
    """Return a table with every column on the scale on which claims compare it."""
    return np.stack([on_scale(column, side.quantity.scale) for column, side in zip(rows.T, sides, strict=True)], axis=1)
