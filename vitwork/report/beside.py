"""Measured numbers beside the paper's own, for networks that stand alone: with one network per arm nothing is decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vitwork.design.dataset import HELD_OUT
from vitwork.language.document import ClaimResult, Hypothesis, MeasurementResult, Results
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


def alone(results: Results) -> bool:
    """Return whether every arm is one published network."""
    arms = [run.arm for run in results.runs]
    return bool(arms) and len(set(arms)) == len(arms) and all(run.network for run in results.runs)


def lines(results: Results) -> list[str]:
    """Return a line for each claim and curve of which the paper gives numbers: ours, the paper's, and the deviation.

    None for results of several networks per arm, whose effects have intervals.
    """
    if not alone(results):
        return []
    found = [*_effects(results), *_curves(results)]
    return ["", "Measured on single networks, beside the paper's numbers:", *found] if found else []


def _effects(results: Results) -> Iterator[str]:
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    for claim in results.claims:
        first = next(iter(words.primaries([hypotheses[id] for id in claim.hypotheses if id in hypotheses])), None)
        if first is not None and claim.paper.effect is not None and math.isfinite(first.effect.estimate):
            yield _effect(claim, first, claim.paper.effect)


def _effect(claim: ClaimResult, first: Hypothesis, stated: float) -> str:
    scale, unit = first.effect.scale, words.effect_unit(first.unit, first.effect)
    measured = words.shown(first.effect.estimate, scale)
    assert measured is not None  # it is finite
    if words.factor(scale):
        numbers = f"×{measured:.3g}, the paper's ×{stated:.3g}: ×{measured / stated:.3g} of it"
    else:
        numbers = f"{measured:+.3g}, the paper's {stated:+.3g}: {measured - stated:+.3g}"
    return f"  {claim.id:32} {numbers}{f' {unit}' if unit else ''}  {first.statement}"


def _curves(results: Results) -> Iterator[str]:
    known = CURVES.get(results.provenance.dataset.name, {})
    for measured in results.measurements:
        if measured.name in known and measured.values is not None and _usual(measured):
            stated, read = known[measured.name]
            if measured.arm in stated:
                yield f"  {measured.name:14} {measured.arm:17} {_deviation(read(measured.values), stated[measured.arm])}"


def _usual(measured: MeasurementResult) -> bool:
    """Return whether a measurement was made as the paper's: controls are made otherwise."""
    return measured.parameters.get("window") is None and measured.parameters.get("power", "fixed") == "fixed"


def _deviation(ours: Sequence[float], stated: Sequence[float]) -> str:
    if len(ours) != len(stated):
        return f"{len(ours)} points, the paper's curve has {len(stated)}: other blocks are told apart"
    off = [mine - theirs for mine, theirs in zip(ours, stated, strict=True)]
    root = math.sqrt(sum(error**2 for error in off) / len(off))
    return f"{len(off)} points: {sum(off) / len(off):+.3g} on average, {root:.3g} in root mean square, {max(off, key=abs):+.3g} at most"
