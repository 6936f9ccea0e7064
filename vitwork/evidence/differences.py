"""Compares two versions of a claim, a hypothesis or a whole report, field by field."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from vitwork.facts.checks import Kind, Moved
from vitwork.facts.claims import Sample

SAME = 1e-9
"""Relative difference below which numbers count as equal, because sums may be rounded differently by each processor."""
NOTES = {"examined"}
"""Fields with notes on what was examined after a report was made."""
DECLARED = {
    "sentence", "paper", "contradicted_by", "deviations", "confounds", "chapter", "ours", "lack", "unmeasured", "arms",
    "hypotheses", "measurements", "form", "statement", "control", "parameters", "quantity", "unit", "arm", "label",
    "levels", "within", "most", "profile", "alpha", "family", "sequential", "model", "options", "recipe", "data", "status",
}  # fmt: skip
"""Fields that claims and profiles declare, such as sentences, margins and arms; all others are numbers."""
UNORDERED = {"profile.deviations"}
"""Fields whose order says nothing: a session that ended early, and a judgement, add their own deviations last."""


def differences(before: object, after: object, names: Iterable[str], id: str = "") -> Iterator[Moved]:
    """Yield the differences between two versions.

    Args:
        before, after: the published and the new version, of the same type.
        names: the fields to compare.
        id: id of the hypothesis; empty if none.
    """
    for name in names:
        kind = Kind.NOTE if name in NOTES else Kind.DECLARED if name in DECLARED else Kind.NUMBER
        for place, was, now in unlike(name, getattr(before, name), getattr(after, name)):
            told = Kind.DECLARED if place in DECLARED else kind  # the names of an arm stand among the numbers of a side
            yield Moved(id, place, was, now, told)


def unlike(name: str, before: Any, after: Any) -> Iterator[tuple[str, object, object]]:
    """Yield the place of each smallest part that differs, with both of its values."""
    if name in UNORDERED and Counter(before) == Counter(after):
        return
    if isinstance(before, Sample) and isinstance(after, Sample):
        yield from _sides(before, after)
    elif type(before) is type(after) and (fields := _fields(before)):
        for field in fields:
            yield from unlike(f"{name}.{field}", getattr(before, field), getattr(after, field))
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from unlike(f"{name}.{key}", before.get(key), after.get(key))
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and _paired(name, before, after):
        for place, pair in enumerate(zip(before, after, strict=True), start=1):
            yield from unlike(f"{name}.{getattr(pair[0], 'name', place)}", *pair)
    elif not alike(before, after):
        yield name, *_apart(before, after)


def _paired(name: str, before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Return whether the items of two sequences are compared one by one."""
    return len(before) == len(after) and name not in UNORDERED


def _apart(before: Any, after: Any) -> tuple[object, object]:
    """Return two parts without the items that both have; unchanged if nothing would be left."""
    if not (isinstance(before, tuple) and isinstance(after, tuple)):
        return before, after
    own = tuple(found for found in before if found not in after), tuple(found for found in after if found not in before)
    return own if any(own) else (before, after)


def _fields(value: Any) -> Collection[str]:
    if isinstance(value, Struct):
        return value.__struct_fields__
    return [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else ()


def _sides(before: Sample, after: Sample) -> Iterator[tuple[str, object, object]]:
    yield from unlike("arm", before.arm, after.arm)
    yield from unlike("label", before.label, after.label)
    yield from unlike(f"seeds of {before.arm}", before.seeds, after.seeds)
    known = dict(zip(after.seeds, after.values, strict=True))
    for seed, value in zip(before.seeds, before.values, strict=True):
        yield from unlike(f"value of {before.arm} seed {seed}", value, known.get(seed))


def alike(before: object, after: object) -> bool:
    """Return whether two values are equal, numbers to within `SAME`; null stands for any number that is not finite."""
    a, b = (math.nan if value is None else value for value in (before, after))
    if not (isinstance(a, (int, float)) and isinstance(b, (int, float))):
        return before == after
    if not (math.isfinite(a) and math.isfinite(b)):
        return not (math.isfinite(a) or math.isfinite(b))
    return math.isclose(a, b, rel_tol=SAME, abs_tol=1e-12)
