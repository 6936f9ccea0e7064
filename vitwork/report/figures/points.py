"""One point per network: in a row for each arm, along a curve, or in a plane of two quantities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitwork.report.axis import span
from vitwork.report.figures.base import Palette, View, columns, mean
from vitwork.report.svg import Plot, fitted
from vitwork.report.words import quantity

Named = tuple[float | None, str]
Cloud = Mapping[str, Sequence[tuple[float | None, float | None, str]]]
ROW = 22.0


def strips(
    title: str, xlabel: str, arms: Mapping[str, Sequence[Named]], palette: Palette, rule: float | None = None
) -> str:
    """Return a row of points for each arm, with a bar at the mean.

    Args:
        title: what a screen reader says.
        xlabel: the quantity and its unit.
        arms: values and their names, by arm.
        palette: colours by arm.
        rule: a value to mark with a dashed line.
    """
    every = [value for row in arms.values() for value, _ in row]
    plot = Plot(
        title,
        span(every, include=() if rule is None else (rule,)),
        (-0.5, len(arms) - 0.5),
        xlabel,
        height=44 + ROW * len(arms),
        margin=(118, 4, 10, 36),
    )
    if rule is not None:
        plot.rule(x=rule, kind="dashrule")
    for place, (arm, row) in enumerate(reversed(list(arms.items()))):
        plot.text(112, plot.sy(place) + 3.5, fitted(arm, 112), "end", "row")
        centre = mean(value for value, _ in row)
        if centre is not None:
            plot.line([(centre, place - 0.32), (centre, place + 0.32)], palette[arm])
        plot.marks(((value, place, tip) for value, tip in row), palette[arm])
    return plot.render(grid=False)


def curve(plot: Plot, view: View, arm: str, x: Sequence[float], rows: Sequence[Sequence[float | None]]) -> None:
    """Draw an arm into a plot: a pale point per network and place, and a line through their means.

    Args:
        plot: receives the drawing.
        view: the records that `rows` are made of.
        arm: whose they are.
        x: places.
        rows: values at the places, one row per network in the order of ``view.of(arm)``.
    """
    for entry, row in zip(view.of(arm), rows, strict=True):
        tips = [f"{arm}, seed {entry.seed}: {quantity(value)}" for value in row]
        plot.marks(zip(x, row, tips, strict=False), view.palette[arm], "faint", 2.2)
    plot.line(zip(x, columns(rows), strict=False), view.palette[arm])


def cloud(title: str, labels: tuple[str, str], arms: Cloud, palette: Palette, *, names: bool = False) -> str:
    """Return points in a plane.

    Args:
        title: what a screen reader says.
        labels: the two quantities and their units, across and upwards.
        arms: points and their names, by arm.
        palette: colours by arm.
        names: whether names stand next to the points.
    """
    x, y = zip(*((x, y) for points in arms.values() for x, y, _ in points), strict=True)
    plot = Plot(title, span(x, pad=0.3 if names else 0.12), span(y, pad=0.1), *labels)
    for arm, points in arms.items():
        plot.marks(points, palette[arm], size=3.6)
    for px, py, name in (point for points in arms.values() for point in points if names):
        if px is not None and py is not None:
            plot.tag(px, py, name)
    return plot.render()
