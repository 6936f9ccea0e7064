"""Measured numbers beside the paper's own, for networks that stand alone: with one network per arm nothing is decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vitwork.design.dataset import HELD_OUT
from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import MeasurementResult, Results
from vitwork.report import words
from vitwork.report.paper_values import LOG_AMPLITUDE, NOISE_BANDS, VARIANCE

Curve = Callable[[Mapping[str, Any]], Sequence[float]]
Curves = Mapping[str, tuple[Mapping[str, tuple[float, ...]], Curve]]
"""For each measurement, the paper's curve by arm, and how ours is read from a record."""
CURVES: Mapping[str, Curves] = {  # by the images that the paper's curve is of
    HELD_OUT: {
        "log_amplitude": (LOG_AMPLITUDE, lambda record: [found[-1] for found in record["delta"] if len(found) > 1]),
        "noise_bands": (NOISE_BANDS, lambda record: [100.0 * change for change in record["accuracy_change"]]),
    },
    "cifar100": {"variance": (VARIANCE, lambda record: record["variance"])},
}


class Beside(NamedTuple):
    """A number or a curve of ours, the paper's, and the deviation, as they are shown.

    Attributes:
        name: the id of the claim, or the measurement whose curve it is.
        what: the comparison, or the arm of the curve.
        ours, theirs: the numbers.
        deviation: ours minus the paper's, or ours over the paper's for factors.
    """

    name: str
    what: str
    ours: str
    theirs: str
    deviation: str


def alone(results: Results) -> bool:
    """Return whether every arm is one published network."""
    arms = [run.arm for run in results.runs]
    return bool(arms) and len(set(arms)) == len(arms) and all(run.network for run in results.runs)


def rows(results: Results) -> list[Beside]:
    """Return a row for each claim and curve of which the paper gives numbers.

    None for results of several networks per arm, whose effects have intervals.
    """
    return [*_effects(results), *_curves(results)] if alone(results) else []


def lines(results: Results) -> list[str]:
    """Return the same as lines of a terminal."""
    found = [
        f"  {row.name:32} {row.ours}, the paper’s {row.theirs}: {row.deviation}  {row.what}" for row in rows(results)
    ]
    return ["", f"{words.BESIDE}:", *found] if found else []


def _effects(results: Results) -> Iterator[Beside]:
    for claim in results.claims:
        first = next(iter(words.primaries(results.hypotheses_of(claim))), None)
        if first is not None and claim.paper.effect is not None and math.isfinite(first.effect.estimate):
            yield _effect(claim, first, claim.paper.effect)


def _effect(claim: ClaimResult, first: Hypothesis, stated: float) -> Beside:
    scale, unit = first.effect.scale, words.effect_unit(first.unit, first.effect)
    measured = words.shown(first.effect.estimate, scale)
    assert measured is not None  # it is finite
    if words.factor(scale):
        numbers = [f"×{words.quantity(value)}" for value in (measured, stated, measured / stated)]
    else:
        signed = (words.quantity(value, sign=True) for value in (measured, stated, measured - stated))
        numbers = [f"{value} {unit}".rstrip() for value in signed]
    return Beside(claim.id, first.statement, *numbers)


def _curves(results: Results) -> Iterator[Beside]:
    known = CURVES.get(results.provenance.dataset.name, {})
    for measured in results.measurements:
        if measured.name in known and measured.values is not None and _usual(measured):
            stated, read = known[measured.name]
            if measured.arm in stated:
                yield Beside(measured.name, measured.arm, *_curve(read(measured.values), stated[measured.arm]))


def _usual(measured: MeasurementResult) -> bool:
    """Return whether a measurement was made as the paper's: controls are made otherwise."""
    return measured.parameters.get("window") is None and measured.parameters.get("power", "fixed") == "fixed"


def _curve(ours: Sequence[float], stated: Sequence[float]) -> tuple[str, str, str]:
    """Return both means, and how the curves differ."""
    means = [f"mean {words.quantity(sum(curve) / len(curve))} of {words.plural(len(curve), 'point')}" if curve else "nothing"
             for curve in (ours, stated)]  # fmt: skip
    if len(ours) != len(stated):
        return means[0], means[1], "not compared, since other blocks are told apart"
    off = [mine - theirs for mine, theirs in zip(ours, stated, strict=True)]
    root = math.sqrt(sum(error**2 for error in off) / len(off))
    average, most = (words.quantity(value, sign=True) for value in (sum(off) / len(off), max(off, key=abs)))
    return means[0], means[1], f"{average} on average, {words.quantity(root)} in root mean square, {most} at most"
