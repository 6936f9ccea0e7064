"""Loss surfaces around the trained weights: contours, and a view in three dimensions that can be turned (Fig. 1a)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from typing import cast

import numpy as np

from vitwork.report import paper_values
from vitwork.report.axis import label, number
from vitwork.report.document import Json
from vitwork.report.figures.base import Entry, Figure, Panel, Row, View
from vitwork.report.figures.cells import cells, ramp
from vitwork.report.figures.colours import colour
from vitwork.report.svg import Plot

MOST = 4
"""Networks drawn at most."""
FINEST = 21
"""Points per side of a drawing at most; finer grids are thinned out, their data are in the table."""
SIDE = 230.0
TURN, TILT = 35.0, 30.0
VIEW = (340.0, 250.0)
"""Width and height of the view in three dimensions."""

Grid = np.ndarray
"""Heights (points of y, points of x), NaN where the network overflows."""


def draw(view: View) -> Figure | None:
    """Return contours and a turnable view per network, of NLL, L2 and their sum; each has one scale for all networks."""
    chosen = _chosen(view)
    panels = []
    for name, grids in _parts([entry.values for _, entry in chosen]).items():
        rises = [grid - np.nanmin(grid) for grid in grids]
        top = max(float(np.nanmax(rise)) for rise in rises) or 1.0
        arms: set[str] = set()
        for (title, entry), rise in zip(chosen, rises, strict=True):
            if name == "L2" and entry.arm in arms:
                continue  # it depends on the weights alone, not on the setting
            arms.add(entry.arm)
            panels += _pair(f"{title}: {name} above its minimum (nats)", entry.values, rise, top)
    theirs = "; ".join(
        f"{paper_values.NETWORKS[arm]} {nll} NLL and {l2} L2" for arm, (nll, l2) in paper_values.SURFACE_RISE.items()
    )
    return Figure(
        "Loss surface around the trained weights",
        tuple(panels),
        "Two random directions, filter-normalised, one network per arm (the table has all); each part of the loss has one "
        f"scale of heights. In the paper the loss rises from the centre to radius 1 by: {theirs}.",
        (),
        ("arm", "seed", "setting", "x", "y", "NLL", "L2"),
        tuple(row for entry in view.entries for row in _rows(view.setting(entry), entry)),
    )


def _chosen(view: View) -> list[tuple[str, Entry]]:
    """Return the first seed's record of every arm and setting that it was measured at, at most `MOST`."""
    firsts = [part.of(arm)[0] for _, part in view.settings() for arm in part.arms]
    once = {id(one): one for one in firsts}  # an arm that knows one setting stands in all of them
    titles = [(f"{one.arm}, seed {one.seed}", view.setting(one)) for one in once.values()]
    return [(", ".join(filter(None, title)), one) for title, one in zip(titles, once.values(), strict=True)][:MOST]


def _parts(records: Sequence[Json]) -> dict[str, list[Grid]]:
    """Return the parts of the loss on the grid of every record, and their sum."""
    nll = [np.asarray(record["nll"], dtype=float) for record in records]
    l2 = [_penalty(record) for record in records]
    return {"NLL": nll, "L2": l2, "NLL + L2": [a + b for a, b in zip(nll, l2, strict=True)]}


def _penalty(record: Json) -> Grid:
    """Return L2 as the training weighs it; ``l2`` is ½·|w|²."""
    penalty: Grid = np.asarray(record["l2"], dtype=float) * record["weight_decay"]
    return penalty


def _rows(given: str, entry: Entry) -> list[Row]:
    values, l2 = entry.values, _penalty(entry.values).tolist()
    return [
        (entry.arm, entry.seed, given, x, y, value, other)
        for y, *rows in zip(values["y"], values["nll"], l2, strict=True)
        for x, value, other in zip(values["x"], *rows, strict=True)
    ]


def _pair(title: str, values: Json, rise: Grid, top: float) -> list[Panel]:
    """Return the contours of a surface, and the view to be turned."""
    step = -(-(len(rise) - 1) // (FINEST - 1))
    thin = rise[::step, ::step]
    axes = [np.asarray(values[name], dtype=float)[::step] for name in ("x", "y")]
    scaled = _listed(np.round(thin / top, 3))
    return [
        Panel(title, _flat(title, (axes[0], axes[1]), thin, top)),
        Panel(f"{title}, to be turned", _solid(title, scaled), surface=json.dumps(scaled, separators=(",", ":"))),
    ]


def _listed(grid: Grid) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in grid.tolist()]


def _flat(title: str, axes: tuple[Grid, Grid], rise: Grid, top: float) -> str:
    from contourpy import contour_generator

    (left, right), (low, high) = ((float(axis[0]), float(axis[-1])) for axis in axes)
    half = (right - left) / (len(axes[0]) - 1) / 2
    plot = Plot(
        f"Contours: {title}", (left - half, right + half), (low - half, high + half),
        "first direction", "second direction", width=320, height=SIDE + 62, margin=(46, 8, 44, 54),
    )  # fmt: skip
    plot.parts.append(cells(_listed(rise), (46, 8, SIDE, SIDE), (0.0, top)))
    generator = contour_generator(*axes, np.ma.masked_invalid(rise))
    for level in np.linspace(0.0, top, 11)[1:-1]:
        # typed for every form that contourpy can return; this one is a list of (points, 2)
        for line in cast("list[np.ndarray]", generator.lines(float(level))):
            plot.line(((float(a), float(b)) for a, b in line), 0, "contour")
    plot.parts.append(ramp(46 + SIDE - 44, SIDE + 45, 44, ("0", label(top))))
    return plot.render()


def project(x: float, y: float, z: float, turn: float, tilt: float) -> tuple[float, float, float]:
    """Return a point's pixels and its depth (larger is farther); the page's script computes the same.

    Args:
        x, y: from -1 to 1.
        z: height from 0 to 1.
        turn, tilt: degrees.
    """
    a, b = math.radians(turn), math.radians(tilt)
    across, along = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
    return (
        VIEW[0] / 2 + 105 * across,
        VIEW[1] * 0.62 + 105 * (along * math.sin(b) - (z - 0.25) * 1.1 * math.cos(b)),
        -(along * math.cos(b) + z * math.sin(b)),
    )


def _solid(title: str, heights: Sequence[Sequence[float | None]]) -> str:
    """Return the facets of the surface from the farthest to the nearest."""
    count, width = len(heights), len(heights[0])
    facets = []
    for i in range(count - 1):
        for j in range(width - 1):
            corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
            z = [heights[a][b] for a, b in corners]
            if all(value is not None for value in z):
                known = [value for value in z if value is not None]
                points = [
                    project(2 * b / (width - 1) - 1, 2 * a / (count - 1) - 1, value, TURN, TILT)
                    for (a, b), value in zip(corners, known, strict=True)
                ]
                outline = "L".join(f"{number(px)} {number(py)}" for px, py, _ in points)
                facets.append((sum(depth for _, _, depth in points), colour(sum(known) / 4), outline))
    drawn = "".join(
        f'<path class="facet" fill="{fill}" d="M{outline}z"/>' for _, fill, outline in sorted(facets, reverse=True)
    )
    return (
        f'<svg viewBox="0 0 {number(VIEW[0])} {number(VIEW[1])}" role="img" '
        f'aria-label="In three dimensions: {escape(title)}"><g>{drawn}</g></svg>'
    )
