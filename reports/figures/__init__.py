"""Figures of the paper, redrawn from stored measurements, beside the paper's values.

A figure belongs to a kind of measurement, not to a claim: a claim shows the figures of whatever it was decided by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.figures.base import Figure, Json, Palette, View

FIGURES: dict[str, Callable[[View], Figure | None]] = {}


def draw(claim: Json, hypotheses: Sequence[Json], measurements: Sequence[Json], palette: Palette) -> list[Figure]:
    """Return the figures of a claim.

    Args:
        claim: the claim; its ``measurements`` (keys), where given, say what it rests on.
        hypotheses: those of the claim.
        measurements: all records of the report.
        palette: colours by arm.
    """
    del hypotheses
    used = _used(claim, measurements)
    names = dict.fromkeys(entry["name"] for entry in used)
    views = (View(claim["paper"]["where"], tuple(e for e in used if e["name"] == name), palette) for name in names)
    drawn = (FIGURES[view.entries[0]["name"]](view) for view in views if view.entries[0]["name"] in FIGURES)
    return [figure for figure in drawn if figure is not None]


def _used(claim: Json, measurements: Sequence[Json]) -> list[Json]:
    keys = set(claim.get("measurements", ()))
    return [entry for entry in measurements if entry.get("key") in keys and entry.get("values")]
