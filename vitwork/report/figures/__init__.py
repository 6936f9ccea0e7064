"""Figures of the paper, redrawn from stored measurements, next to the paper's values.

A figure belongs to a kind of measurement, not to a claim: a claim shows the figures of whatever it was decided by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vitwork.language.document import ClaimResult, MeasurementResult
from vitwork.report.figures import (
    attention,
    corruptions,
    cue_conflict,
    evaluation,
    lesion,
    log_amplitude,
    noise_bands,
    reliability,
    similarity,
    spectrum,
    surface,
    trajectory,
    variance,
)
from vitwork.report.figures.base import MALFORMED, Entry, Figure, Palette, View

FIGURES: dict[str, tuple[Callable[[View], Figure | None], ...]] = {
    "spectrum": (spectrum.draw,),
    "surface": (surface.draw,),
    "trajectory": (trajectory.draw,),
    "log_amplitude": (log_amplitude.draw,),
    "noise_bands": (noise_bands.draw,),
    "variance": (variance.draw,),
    "similarity": (similarity.draw,),
    "lesion": (lesion.draw,),
    "attention": (attention.draw,),
    "evaluation": (evaluation.draw, reliability.draw),
    "corruptions": (corruptions.draw,),
    "cue_conflict": (cue_conflict.draw,),
}
"""What draws the records whose measurement names this figure; others have none."""


def draw(claim: ClaimResult, measurements: Sequence[MeasurementResult], palette: Palette) -> list[Figure]:
    """Return the figures of a claim; one whose numbers are missing or cannot be drawn is left out.

    Args:
        claim: its ``measurements`` are the keys of the records that it rests on.
        measurements: all records of the report.
        palette: colours by arm.
    """
    keys = set(claim.measurements)
    entries: dict[str, list[Entry]] = {}
    for record in measurements:
        if record.key in keys and record.values:
            entry = Entry(record.arm, record.seed, record.parameters, record.values)
            entries.setdefault(record.figure, []).append(entry)
    views = {name: View(claim.paper.where, tuple(found), palette) for name, found in entries.items()}
    return [figure for name in FIGURES if name in views for figure in _drawn(name, views[name])]


def _drawn(name: str, view: View) -> Iterator[Figure]:
    for drawn in FIGURES[name]:
        try:
            figure = drawn(view)
        except MALFORMED:
            continue  # a record of another shape, from a user's own measurement: its numbers stand in the tables
        if figure is not None:
            yield figure
