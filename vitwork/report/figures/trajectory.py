"""The way of the weights from initial to final, in polar coordinates (Fig. 1b)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vitwork.report import paper_values
from vitwork.report.axis import label
from vitwork.report.figures.base import Figure, Panel, View
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Polar = tuple[float, float, str]


def draw(view: View) -> Figure | None:
    """Return the path of every network, next to the paper's."""
    ours = [
        (
            arm,
            [_path(entry.values["radius"], entry.values["angle"], arm, entry.seed) for entry in view.of(arm)],
        )
        for arm in view.arms
    ]
    panels = [Panel("Here, one path per network", _plot(view, ours))]
    families = {arm.split("-")[0] for arm in view.arms}
    theirs = [
        (
            arm,
            [
                [
                    (radius, math.radians(angle), f"{paper_values.NETWORKS[arm]}: radius {radius}")
                    for radius, angle in points
                ]
            ],
        )
        for arm, points in paper_values.PATHS.items()
        if arm in families
    ]
    if theirs:
        panels.append(
            Panel("ResNet-50 and ViT-Ti, a few points read from the plot, n = 1 each", _plot(view, theirs), "paper")
        )
    rows = [
        (entry.arm, entry.seed, epoch, radius, angle)
        for entry in view.entries
        for epoch, radius, angle in zip(*(entry.values[name] for name in ("epochs", "radius", "angle")), strict=False)
    ]
    return Figure(
        "Trajectory of the weights",
        tuple(panels),
        "Distance to the final weights, relative to the start, and angle to the first direction; paths start at (1, 0) "
        f"and end at the centre ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "epoch", "radius", "angle (rad)"),
        tuple(rows),
    )


def _path(radii: Iterable[float | None], angles: Iterable[float | None], arm: str, seed: int) -> list[Polar]:
    """Return the points of a path; at the centre there is no angle, and none is needed."""
    return [
        (radius, angle or 0.0, f"{arm}, seed {seed}: radius {quantity(radius)}, {math.degrees(angle or 0.0):.0f}°")
        for radius, angle in zip(radii, angles, strict=False)
        if radius is not None and (angle is not None or not radius)
    ]


def _plot(view: View, arms: Iterable[tuple[str, list[list[Polar]]]]) -> str:
    arms = list(arms)
    reach = 1.06 * max((radius for _, paths in arms for path in paths for radius, _, _ in path), default=1.0)
    left = max((-r * math.cos(a) for _, paths in arms for path in paths for r, a, _ in path), default=0.0)
    low, width = -max(0.25 * reach, 1.1 * left), 340.0
    height = 8 + 36 + (width - 56) * reach * 1.08 / (reach - low)
    plot = Plot(
        "Path of the weights, polar",
        (low, reach),
        (-0.08 * reach, reach),
        "radius, relative to the start",
        height=height,
    )
    for circle in (0.5, 1.0, 1.5, 2.0):
        if circle <= reach:
            turns = [math.pi * step / 48 for step in range(49)]
            inside = [(circle * math.cos(a), circle * math.sin(a)) for a in turns if circle * math.cos(a) >= low]
            plot.line(inside, 7, "thin")
            plot.text(plot.sx(circle), plot.sy(0) + 11, label(circle))
    for arm, paths in arms:
        for path in paths:
            points = [(r * math.cos(a), r * math.sin(a), tip) for r, a, tip in path]
            plot.line([(x, y) for x, y, _ in points], view.palette[arm], opacity=0.75)
            plot.marks(points, view.palette[arm], "mark", 2.4)
    return plot.render(xticks=[], grid=False)
