"""The path of the weights from initial to final, in polar coordinates (Fig. 1b)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.axis import label
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, View, known, seed_means
from vitwork.report.figures.points import NOTE, PAPER
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Polar = tuple[float, float]
"""Radius relative to the start, and angle in radians."""
WIDTH = 340.0


def draw(view: View) -> Figure | None:
    """Return the path of every network and their mean, with the paper's."""
    ours = {arm: [_path(e.values["radius"], e.values["angle"]) for e in view.of(arm)] for arm in view.arms}
    means = {arm: _path(*_means(view.of(arm))) for arm in view.arms}
    paper = {
        arm: [(radius, math.radians(angle)) for radius, angle in points]
        for arm, points in known(view, paper_values.PATHS).items()
    }
    plot = _plot([point for paths in (*ours.values(), list(paper.values())) for path in paths for point in path])
    for arm, paths in ours.items():
        for path in paths if len(paths) > 1 else ():
            plot.line(_flat(path), view.palette[arm], "thin")
        plot.line(_flat(means[arm]), view.palette[arm])
        plot.marks(_named(arm, means[arm]), view.palette[arm], size=2.4)
    for arm, path in paper.items():
        plot.line(_flat(path), view.palette[arm], "dash")
        plot.marks(_named(f"{paper_values.NETWORKS[arm]} in the paper", path), view.palette[arm], "hollow", 3)
    rows = [
        (entry.arm, entry.seed, epoch, radius, angle)
        for entry in view.entries
        for epoch, radius, angle in zip(*(entry.values[name] for name in ("epochs", "radius", "angle")), strict=False)
    ]
    return Figure(
        (Panel("Distance to the final weights and angle to the first direction", plot.render(xticks=[], grid=False)),),
        "Paths start at radius 1 on the right and end at the centre; circles are radii. "
        f"{NOTE.format(view.seeds())}{PAPER if paper else ''}",
        view.palette.legend(view.arms),
        ("arm", "seed", "epoch", "radius", "angle (rad)"),
        tuple(rows),
    )


def _means(entries: Sequence[DrawnRecord]) -> tuple[list[float | None], list[float | None]]:
    radii, angles = (seed_means(entry.values[name] for entry in entries) for name in ("radius", "angle"))
    return radii, angles


def _path(radii: Sequence[float | None], angles: Sequence[float | None]) -> list[Polar]:
    """Return the points of a path; at the centre there is no angle, and none is needed."""
    return [
        (radius, angle if radius and angle is not None else 0.0)
        for radius, angle in zip(radii, angles, strict=False)
        if radius is not None and math.isfinite(radius) and (not radius or (angle is not None and math.isfinite(angle)))
    ]


def _flat(path: Sequence[Polar]) -> list[tuple[float | None, float | None]]:
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in path]


def _named(name: str, path: Sequence[Polar]) -> list[tuple[float | None, float | None, str]]:
    tips = [f"{name}: radius {quantity(radius)}, {math.degrees(angle):.0f}°" for radius, angle in path]
    return [(x, y, tip) for (x, y), tip in zip(_flat(path), tips, strict=True)]


def _plot(points: Sequence[Polar]) -> Plot:
    """Return the plane with half circles, wide enough for all points."""
    reach = 1.06 * max((radius for radius, _ in points), default=1.0)
    left = max((-r * math.cos(a) for r, a in points), default=0.0)
    low = -max(0.25 * reach, 1.1 * left)
    plot = Plot(
        "Path of the weights, polar", (low, reach), (-0.08 * reach, reach), "radius, relative to the start",
        height=44 + (WIDTH - 56) * reach * 1.08 / (reach - low),
    )  # fmt: skip
    for circle in (0.5, 1.0, 1.5, 2.0):
        if circle <= reach:
            turns = [math.pi * step / 48 for step in range(49)]
            inside = [(circle * math.cos(a), circle * math.sin(a)) for a in turns if circle * math.cos(a) >= low]
            plot.line(inside, 7, "thin")
            plot.text(plot.sx(circle), plot.sy(0) + 11, label(circle))
    return plot
