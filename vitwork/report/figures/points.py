"""Values by network: rows of points, curves with their mean, points in a plane; and the paper's values among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Palette, Panel, Point, View, finite_mean, seed_means
from vitwork.report.svg import Plot, fitted
from vitwork.report.words import quantity

Named = tuple[float | None, str]
Cloud = Mapping[str, Sequence[Point]]
ROW = 22.0
SIZE, STEP, NEAR = 4.0, 2.8, 6.0
"""Half the width of an arm's mark, what is added for each mark drawn over it, and below which distance one is, in pixels."""
READABLE = 0.25
"""The part of a common scale that values of one side need at least, or each side has a drawing of its own."""
NOTE = "Thin lines are networks, thick ones their means ({})."
IN_PAPER = "The paper’s, on a scale of its own"
PAPER = " Dashed lines and hollow marks are the paper’s values, of one network each."


def strips(
    title: str,
    xlabel: str,
    arms: Mapping[str, Sequence[Named]],
    palette: Palette,
    rule: float | None = None,
    *,
    errors: Mapping[str, float] | None = None,
) -> str:
    """Return a row of points for each arm, with a bar at the mean.

    Args:
        title: what a screen reader says.
        xlabel: the quantity and its unit.
        arms: values and their names, by arm.
        palette: colours by arm.
        rule: a value to mark with a dashed line.
        errors: half the lengths of lines through the means, by arm.
    """
    every = [value for row in arms.values() for value, _ in row]
    ends = {arm: [(finite_mean(value for value, _ in arms[arm]) or 0.0) + way for way in (-error, error)]
            for arm, error in (errors or {}).items()}  # fmt: skip
    plot = Plot(
        title,
        span([*every, *(end for pair in ends.values() for end in pair)], include=() if rule is None else (rule,)),
        (-0.5, len(arms) - 0.5),
        xlabel,
        height=44 + ROW * len(arms),
        margin=(118, 4, 10, 36),
    )
    if rule is not None:
        plot.rule(x=rule, kind="dashrule")
    for place, (arm, row) in enumerate(reversed(list(arms.items()))):
        plot.text(112, plot.sy(place) + 3.5, fitted(arm, 112), "end", "row")
        centre = finite_mean(value for value, _ in row)
        if centre is not None:
            plot.line([(centre, place - 0.32), (centre, place + 0.32)], palette[arm])
        plot.line([(end, place) for end in ends.get(arm, ())], palette[arm])
        plot.marks(((value, place, tip) for value, tip in row), palette[arm])
    return plot.render(grid=False)


def curve(plot: Plot, view: View, arm: str, x: Sequence[float], rows: Sequence[Sequence[float | None]]) -> None:
    """Draw an arm into a plot: a thin line per network, and a thick one with marks through their means.

    Args:
        plot: receives the drawing.
        view: gives the colour.
        arm: whose values they are.
        x: places.
        rows: values at the places, one row per network.
    """
    series = view.palette[arm]
    for row in rows if len(rows) > 1 else ():
        plot.line(zip(x, row, strict=False), series, "thin")
    middle = seed_means(rows)
    plot.line(zip(x, middle, strict=False), series)
    tips = [f"{arm}: {quantity(y)}" for y in middle]
    plot.marks(zip(x, middle, tips, strict=False), series, size=2.4)


def theirs(plot: Plot, view: View, arm: str, points: Sequence[tuple[float, float | None]]) -> None:
    """Draw a curve of the paper's into a plot: dashed, with hollow marks, in the colour of our arm."""
    name, series = paper_values.NETWORKS.get(arm, arm), view.palette[arm]
    plot.line(points, series, "dash")
    plot.marks(((x, y, f"{name} in the paper: {quantity(y)}") for x, y in points), series, "hollow", 3)


def nested(places: Sequence[tuple[float, float] | None]) -> list[float]:
    """Return sizes of marks that are drawn one after another, so that none is hidden: earlier ones stand out behind later ones.

    Args:
        places: pixels of the marks in the order of drawing; None for one that is not drawn.
    """
    return [
        SIZE + STEP * sum(later is not None and math.dist(place, later) < NEAR for later in places[number + 1 :])
        if place is not None
        else SIZE
        for number, place in enumerate(places)
    ]


def cloud(
    title: str, labels: tuple[str, str], ours: Cloud, palette: Palette, paper: Cloud | None = None, *, log: bool = False
) -> str:
    """Return points in a plane: small ones for networks, a large one at an arm's mean, hollow ones with names of the paper's.

    Args:
        title: what a screen reader says.
        labels: the two quantities and their units, across and upwards.
        ours: points and their names, by arm.
        palette: colours by arm.
        paper: the paper's points and their names, by arm.
        log: whether the vertical axis is logarithmic.
    """
    paper = paper or {}
    every = [point for side in (ours, paper) for points in side.values() for point in points]
    x, y = [point[0] for point in every], [point[1] for point in every]
    plot = Plot(title, span(x, pad=0.2 if paper else 0.12), span(y, pad=0.1, log=log), *labels, log_y=log, height=250)
    for arm, points in ours.items():
        plot.marks(points, palette[arm], "faint", 2.2)
    means = [
        (arm, finite_mean(p[0] for p in points), finite_mean(p[1] for p in points)) for arm, points in ours.items()
    ]
    sizes = nested([(plot.sx(x), plot.sy(y)) if x is not None and y is not None else None for _, x, y in means])
    for (arm, across, up), size in zip(means, sizes, strict=True):
        plot.marks([(across, up, f"{arm}: {quantity(across)}, {quantity(up)}")], palette[arm], size=size)
    for arm, points in paper.items():
        known = arm in palette.order
        plot.marks(points, palette[arm] if known else 0, "hollow" if known else "other", 3.6)
    # the longest names first, for which there are the fewest places
    for px, py, name in sorted((point for points in paper.values() for point in points), key=lambda p: -len(p[2])):
        if px is not None and py is not None:
            plot.tag(px, py, name)
    return plot.render()


def squeezed(one: Sequence[float | None], other: Sequence[float | None], *, log: bool = False) -> bool:
    """Return whether values of one side would take too small a part of an axis that holds those of the other, too."""
    sides = [[math.log(v) if log else v for v in side if v is not None and (v > 0 or not log)] for side in (one, other)]
    if not all(len(side) > 1 for side in sides):
        return False
    both = [*sides[0], *sides[1]]
    return max(sides[0]) - min(sides[0]) < READABLE * (max(both) - min(both))


def clouds(
    heading: str, labels: tuple[str, str], ours: Cloud, palette: Palette, paper: Cloud, *, log: bool = False
) -> tuple[Panel, ...]:
    """Return points in a plane as `cloud` draws them, the paper's in a panel of their own where they would squeeze ours."""
    mine, theirs = ([point for points in side.values() for point in points] for side in (ours, paper))
    apart = squeezed([p[0] for p in mine], [p[0] for p in theirs])
    apart = apart or squeezed([p[1] for p in mine], [p[1] for p in theirs], log=log)
    if not apart:
        return (Panel(heading, cloud(heading, labels, ours, palette, paper, log=log)),)
    return (
        Panel(heading, cloud(heading, labels, ours, palette, log=log)),
        Panel(IN_PAPER, cloud(f"{heading}, in the paper", labels, {}, palette, paper, log=log)),
    )
