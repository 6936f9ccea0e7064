"""Figures of the paper, redrawn from stored measurements, beside the paper's values.

A figure belongs to a kind of measurement, not to a claim: a claim shows the figures of whatever it was decided by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vitwork.report.figures import (
    accuracy,
    attention,
    bands,
    corruptions,
    cue_conflict,
    depth,
    lesion,
    reliability,
    similarity,
    spectra,
    surface,
    trajectory,
)
from vitwork.report.figures.base import Figure, Json, Palette, View, figures

FIGURES: dict[str, tuple[Callable[[View], Figure | None], ...]] = {
    "spectrum": (spectra.draw,),
    "surface": (surface.draw,),
    "trajectory": (trajectory.draw,),
    "log_amplitude": (depth.log_amplitude,),
    "noise_bands": (bands.draw,),
    "variance": (depth.variance,),
    "similarity": (similarity.draw,),
    "lesion": (lesion.draw,),
    "attention": (attention.draw,),
    "evaluation": (accuracy.draw, reliability.draw),
    "corruptions": (corruptions.draw,),
    "cue_conflict": (cue_conflict.draw,),
}
"""What draws each kind of measurement; other kinds have no figure."""

SHOWN_IN: dict[str, tuple[str, ...]] = {
    "spectrum": ("1c", "4", "6", "7b", "12c", "C.4b", "C.7c"),
    "surface": ("1a", "C.4a"),
    "trajectory": ("1b",),
    "log_amplitude": ("2a", "8", "D.2"),
    "noise_bands": ("2b",),
    "variance": ("9", "D.1"),
    "similarity": ("10a", "D.3"),
    "lesion": ("10b", "D.4"),
    "evaluation": ("5a", "5b", "7a", "12a", "12b", "C.1"),
}
"""Where the paper shows each kind: for results that do not say which measurements a claim rests on."""


def draw(claim: Json, measurements: Sequence[Json], palette: Palette) -> list[Figure]:
    """Return the figures of a claim; one whose numbers are missing or cannot be drawn is left out.

    Args:
        claim: the claim; its ``measurements`` (keys), where given, say what it rests on.
        measurements: all records of the report.
        palette: colours by arm.
    """
    used = _used(claim, measurements)
    names = (name for name in FIGURES if any(entry["name"] == name for entry in used))
    return list(_drawn(View(claim["paper"]["where"], tuple(e for e in used if e["name"] == n), palette) for n in names))


def _drawn(views: Iterator[View]) -> Iterator[Figure]:
    for view in views:
        for drawn in FIGURES[view.entries[0]["name"]]:
            try:
                figure = drawn(view)
            except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError, AttributeError):
                # a record of another shape, from an earlier or a user's measurement: the numbers stand in the tables
                continue
            if figure is not None:
                yield figure


def _used(claim: Json, measurements: Sequence[Json]) -> list[Json]:
    known = [entry for entry in measurements if entry.get("values")]
    if "measurements" in claim:
        keys = set(claim["measurements"])
        return [entry for entry in known if entry.get("key") in keys]
    shown = set(figures(claim["paper"]["where"]))
    names = {name for name, places in SHOWN_IN.items() if shown.intersection(places)}
    decided = claim["verdict"] != "not measured"
    return [entry for entry in known if decided and entry["arm"] in claim["arms"] and entry["name"] in names]
