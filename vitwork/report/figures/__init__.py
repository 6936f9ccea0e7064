"""The gallery: figures of the paper in its order, redrawn from stored measurements with the paper's values, and others.

A figure of the paper is drawn from the records of the claims that name it. Records that none of them shows, of claims that
no figure of the paper stands for, are drawn by their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from vitwork.facts.claims import ClaimResult, Sample
from vitwork.facts.document import MeasurementResult, Results
from vitwork.report import words
from vitwork.report.axis import LARGEST
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
from vitwork.report.figures.base import MALFORMED, DrawnRecord, Figure, Palette, View

Draw = Callable[[View], Figure | None]


class Plate(NamedTuple):
    """How a figure is drawn: from records of which kind, and by what."""

    kind: str
    draw: Draw


PAPER: dict[str, Plate] = {
    "1a": Plate("surface", surface.draw),
    "1b": Plate("trajectory", trajectory.draw),
    "1c": Plate("spectrum", spectrum.over_time),
    "2a": Plate("log_amplitude", log_amplitude.draw),
    "2b": Plate("noise_bands", noise_bands.draw),
    "4": Plate("spectrum", spectrum.plane),
    "5a": Plate("evaluation", evaluation.plane),
    "5b": Plate("evaluation", evaluation.plane),
    "6": Plate("spectrum", spectrum.plane),
    "7a": Plate("evaluation", evaluation.plane),
    "7b": Plate("spectrum", spectrum.plane),
    "8": Plate("log_amplitude", log_amplitude.changes),
    "9": Plate("variance", variance.draw),
    "10a": Plate("similarity", similarity.draw),
    "10b": Plate("lesion", lesion.draw),
    "12a": Plate("evaluation", evaluation.build_up),
    "12b": Plate("corruptions", corruptions.robustness),
    "12c": Plate("spectrum", spectrum.plane),
    "C.1": Plate("evaluation", evaluation.plane),
    "C.2a": Plate("evaluation", evaluation.plane),
    "C.2b": Plate("spectrum", spectrum.plane),
    "C.3": Plate("evaluation", evaluation.plane),
    "C.4a": Plate("surface", surface.draw),
    "C.4b": Plate("spectrum", spectrum.plane),
    "C.5": Plate("spectrum", spectrum.plane),
    "C.6": Plate("spectrum", spectrum.plane),
    "C.7": Plate("spectrum", spectrum.plane),
    "C.7c": Plate("spectrum", spectrum.plane),
    "D.1": Plate("variance", variance.draw),
    "D.2": Plate("log_amplitude", log_amplitude.changes),
    "D.3": Plate("similarity", similarity.draw),
    "D.4": Plate("lesion", lesion.draw),
    "E.1": Plate("evaluation", evaluation.accuracy),
    "F.1a": Plate("evaluation", reliability.draw),
    "F.1b": Plate("spectrum", spectrum.plane),
}
"""The paper's figures in its order, by number."""
OTHERS: dict[str, Plate] = {
    "attention": Plate("attention", attention.draw),
    "cue_conflict": Plate("cue_conflict", cue_conflict.draw),
    "lesion": Plate("lesion", lesion.draw),
    "spectrum": Plate("spectrum", spectrum.plane),
    "surface": Plate("surface", surface.draw),
    "trajectory": Plate("trajectory", trajectory.draw),
    "log_amplitude": Plate("log_amplitude", log_amplitude.draw),
    "noise_bands": Plate("noise_bands", noise_bands.draw),
    "variance": Plate("variance", variance.draw),
    "similarity": Plate("similarity", similarity.draw),
}
"""Figures of what no figure of the paper shows, by kind; accuracies stand beside every claim and are none."""


class GalleryFigure(NamedTuple):
    """A figure of the gallery.

    Attributes:
        name: the paper's number, or the kind of the records.
        of_paper: whether the paper has this figure.
        figure: the drawing.
        claims: ids of those that it shows records of.
    """

    name: str
    of_paper: bool
    figure: Figure
    claims: tuple[str, ...]


def gallery(results: Results, palette: Palette) -> list[GalleryFigure]:
    """Return the figures that can be drawn, the paper's first and in its order.

    One whose records are missing or cannot be drawn is left out: its numbers stand in the tables.

    Args:
        results: their claims name figures and rest on records.
        palette: colours by arm.
    """
    claims = [claim for claim in results.claims if claim.measurements]
    options = {run.arm: run.options for run in results.runs}
    records = {record.key: record for record in results.measurements if record.values}
    seen: set[str] = set()
    shown: list[GalleryFigure] = []
    for name, (kind, draw) in PAPER.items():
        naming = [claim for claim in claims if name in claim.paper.figures]
        keys = _keys(naming, records, kind)
        seen.update(keys)
        controls = _controls(results, naming)
        view = View(_entries(keys, records), palette, options, name, controls)
        shown += _drawn(name, draw, view, _using(naming, keys))
    for name, (kind, draw) in OTHERS.items():
        keys = [key for key in _keys(claims, records, kind) if key not in seen]
        shown += _drawn(name, draw, View(_entries(keys, records), palette, options), _using(claims, keys))
    keys = _keys(claims, records, "corruptions")
    every = View(_entries(keys, records), palette, options)
    return [*shown, *_drawn("corruptions", corruptions.by_kind, every, _using(claims, keys))]


def _keys(claims: Iterable[ClaimResult], records: dict[str, MeasurementResult], kind: str) -> list[str]:
    """Return the keys of the records of a kind that claims rest on, in the order of the document."""
    wanted = {key for claim in claims for key in claim.measurements}
    return [key for key, record in records.items() if key in wanted and record.figure == kind]


def _controls(results: Results, claims: Iterable[ClaimResult]) -> frozenset[str]:
    """Return the arms that are in the controls of claims alone."""
    found = [one for claim in claims for one in results.hypotheses_of(claim)]
    arms: dict[bool, set[str]] = {True: set(), False: set()}
    for one in found:
        arms[bool(one.control)] |= {side.arm for side in one.sides if isinstance(side, Sample)}
    return frozenset(arms[True] - arms[False])


def _entries(keys: Iterable[str], records: dict[str, MeasurementResult]) -> tuple[DrawnRecord, ...]:
    found = (records[key] for key in keys)
    return tuple(DrawnRecord(record.arm, record.seed, record.parameters, record.values or {}) for record in found)


def _using(claims: Iterable[ClaimResult], keys: Iterable[str]) -> tuple[str, ...]:
    wanted = set(keys)
    return tuple(claim.id for claim in claims if not wanted.isdisjoint(claim.measurements))


def _drawn(name: str, draw: Draw, view: View, claims: tuple[str, ...]) -> Iterator[GalleryFigure]:
    view, left = view.bounded()
    if not view.entries:
        return
    try:
        figure = draw(view)
    except MALFORMED:
        return  # a record of another shape, from a user's own measurement or an altered document
    if figure is not None:
        said = words.left_out([(entry.arm, entry.seed) for entry in left], LARGEST)
        figure = replace(figure, note=f"{figure.note} {said}".strip())
        yield GalleryFigure(name, bool(view.number), figure, claims)
