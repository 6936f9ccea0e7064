"""Loss surfaces around the trained weights: contours, and a view in three dimensions that can be turned (Fig. 1a)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from typing import cast

from reports import paper
from reports.figures.base import Figure, Json, Panel, View
from reports.figures.cells import cells, ramp
from reports.figures.colours import colour
from reports.plot import Plot
from reports.scale import label, number

MOST = 6
"""Networks drawn at most."""
SIDE = 230.0
TURN, TILT = 35.0, 30.0
VIEW = (340.0, 250.0)
"""Width and height of the view in three dimensions."""

Heights = Sequence[Sequence[float | None]]


def draw(view: View) -> Figure | None:
    """Return contours and a turnable view per network; all networks share one scale of colours."""
    entries = _chosen(view)
    rises = [_rise(entry["values"]["nll"]) for entry in entries]
    top = max(value for rise in rises for row in rise for value in row if value is not None) or 1.0
    panels = []
    for entry, rise in zip(entries, rises, strict=True):
        name = f"{entry['arm']}, seed {entry['seed']}"
        panels.append(Panel(f"{name}: NLL above its minimum", _flat(name, entry["values"], rise, top)))
        scaled = [[None if value is None else round(value / top, 3) for value in row] for row in rise]
        panels.append(
            Panel(f"{name}, to be turned", _solid(name, scaled), surface=json.dumps(scaled, separators=(",", ":")))
        )
    rows = [
        (entry["arm"], entry["seed"], x, y, value)
        for entry in entries
        for y, row in zip(entry["values"]["y"], entry["values"]["nll"], strict=True)
        for x, value in zip(entry["values"]["x"], row, strict=True)
    ]
    theirs = "; ".join(f"{paper.NETWORKS[arm]} {nll} NLL and {l2} L2" for arm, (nll, l2) in paper.SURFACE_RISE.items())
    return Figure(
        "Loss surface around the trained weights",
        tuple(panels),
        f"Two random directions, filter-normalised; one scale of heights for all. In the paper the loss rises from the centre to radius 1 by: {theirs}.",
        (),
        ("arm", "seed", "x", "y", "NLL"),
        tuple(rows),
    )


def _chosen(view: View) -> list[Json]:
    """Return the first seed's records of every arm, then those of further seeds, at most `MOST`."""
    ranked = [(place, entry) for arm in view.arms for place, entry in enumerate(view.of(arm))]
    return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])][:MOST]


def _rise(heights: Heights) -> list[list[float | None]]:
    """Return heights above the lowest one."""
    low = min(value for row in heights for value in row if value is not None)
    return [[None if value is None else value - low for value in row] for row in heights]


def _flat(name: str, values: Json, rise: Heights, top: float) -> str:
    import numpy as np
    from contourpy import contour_generator

    x, y = values["x"], values["y"]
    half = (x[-1] - x[0]) / (len(x) - 1) / 2
    plot = Plot(
        f"Contours of the loss of {name}", (x[0] - half, x[-1] + half), (y[0] - half, y[-1] + half),
        "first direction", "second direction", width=320, height=SIDE + 62, margin=(46, 8, 44, 54),
    )  # fmt: skip
    plot.parts.append(cells(rise, (46, 8, SIDE, SIDE), (0.0, top)))
    heights = np.ma.masked_invalid(
        np.asarray([[math.nan if v is None else v for v in row] for row in rise], dtype=float)
    )
    generator = contour_generator(np.asarray(x), np.asarray(y), heights)
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


def _solid(name: str, heights: Heights) -> str:
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
        f'aria-label="Loss surface of {escape(name)} in three dimensions"><g>{drawn}</g></svg>'
    )
