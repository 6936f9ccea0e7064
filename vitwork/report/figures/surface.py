"""Loss surfaces around the trained weights: the rise by distance, and a view in three dimensions to be turned (Fig. 1a)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from vitwork.report import paper_values
from vitwork.report.axis import label, span
from vitwork.report.document import Json
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, Row, View, known
from vitwork.report.figures.cells import cells, ramp
from vitwork.report.figures.points import NOTE, curve, theirs
from vitwork.report.svg import Plot

FINEST = 21
"""Points per side of a map at most; finer grids are thinned out, their data are in the table."""
SIDE = 230.0

Grid = np.ndarray
"""Heights (points of y, points of x), NaN where the network overflows."""


def draw(view: View) -> Figure | None:
    """Return the rise of NLL, L2 and their sum by distance from the weights, and a surface per arm to be turned."""
    part = view.plain().last()
    paper = known(part, paper_values.SURFACE_RISE) if view.number == "1a" else {}
    panels = tuple(_rise(part, name, paper if name == "NLL" else {}) for name in ("NLL", "L2", "NLL + L2"))
    told = (
        " The paper’s L2 is a sum of norms, another quantity, so that its rise is drawn for the NLL alone (hollow marks, one "
        "network each)."
        if paper
        else ""
    )
    return Figure(
        panels,
        "Means over the points of a plane of two filter-normalised random directions that are equally far from the trained "
        f"weights. {NOTE.format(part.seeds())}{told}",
        part.palette.legend(part.arms),
        ("arm", "seed", "setting", "x", "y", "NLL", "L2"),
        tuple(row for entry in view.entries for row in _rows(view.setting(entry), entry)),
        turnable=_surfaces(part),
    )


def _parts(record: Json) -> dict[str, Grid]:
    """Return the parts of the loss on a record's grid, and their sum; ``l2`` is ½·|w|², which the training weighs."""
    nll, l2 = (np.asarray(record[name], dtype=float) for name in ("nll", "l2"))
    l2 = l2 * record["weight_decay"]
    return {"NLL": nll, "L2": l2, "NLL + L2": nll + l2}


def profile(x: Sequence[float], y: Sequence[float], heights: Grid) -> dict[float, float | None]:
    """Return the mean height by distance from the centre, above that of the centre, as far as the plane reaches all round.

    Args:
        x, y: places along both directions, with 0 among them.
        heights: (points of y, points of x).
    """
    distance = np.hypot(*np.meshgrid(np.asarray(x, dtype=float), np.asarray(y, dtype=float))).round(6)
    reach = min(max(x), -min(x), max(y), -min(y)) + 1e-9
    centre = float(heights[distance == 0.0].mean())
    means = {float(at): float(heights[distance == at].mean()) - centre for at in np.unique(distance[distance <= reach])}
    return {at: rise if math.isfinite(rise) else None for at, rise in means.items()}


def _rise(view: View, name: str, paper: Mapping[str, float]) -> Panel:
    rows = {
        arm: [profile(e.values["x"], e.values["y"], _parts(e.values)[name]) for e in view.of(arm)] for arm in view.arms
    }
    every = [rise for found in rows.values() for row in found for rise in row.values()]
    reach = max(at for found in rows.values() for row in found for at in row)
    plot = Plot(
        f"Rise of {name} by distance", (0.0, max(reach, 1.0 if paper else 0.0) * 1.04), span([*every, *paper.values()]),
        "distance, relative to the weights", f"rise of {name} (nats)", height=250,
    )  # fmt: skip
    for arm, found in rows.items():
        curve(plot, view, arm, list(found[0]), [list(row.values()) for row in found])
    for arm, rise in paper.items():
        theirs(plot, view, arm, [(1.0, rise)])
    return Panel(name, plot.render())


def _rows(given: str, entry: DrawnRecord) -> list[Row]:
    parts = _parts(entry.values)
    return [
        (entry.arm, entry.seed, given, x, y, value, other)
        for y, *rows in zip(entry.values["y"], entry.values["nll"], parts["L2"].tolist(), strict=True)
        for x, value, other in zip(entry.values["x"], *rows, strict=True)
    ]


def _surfaces(view: View) -> tuple[Panel, ...]:
    """Return the map of the whole loss of each arm's first network, with one scale of heights for all."""
    sums = [(entry, _parts(entry.values)["NLL + L2"]) for entry in (view.of(arm)[0] for arm in view.arms)]
    rises = [(entry, grid - np.nanmin(grid)) for entry, grid in sums if not np.isnan(grid).all()]
    top = max((float(np.nanmax(rise)) for _, rise in rises), default=0.0) or 1.0
    panels = []
    for entry, rise in rises:
        step = -(-(len(rise) - 1) // (FINEST - 1))
        axes = [np.asarray(entry.values[name], dtype=float)[::step] for name in ("x", "y")]
        thin, title = rise[::step, ::step], f"{entry.arm}, seed {entry.seed}: NLL + L2 above its minimum (nats)"
        heights = json.dumps(_listed(np.round(thin / top, 3)), separators=(",", ":"))
        panels.append(Panel(title, _map(title, (axes[0], axes[1]), thin, top), surface=heights))
    return tuple(panels)


def _listed(grid: Grid) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in grid.tolist()]


def _map(title: str, axes: tuple[Grid, Grid], rise: Grid, top: float) -> str:
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
