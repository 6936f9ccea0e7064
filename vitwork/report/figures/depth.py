"""Panels of quantities by depth, blocks from stem to head, and of one quantity by frequency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.document import Json
from vitwork.report.figures.base import Palette, Panel, View, columns
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Values = Callable[[Json], Sequence[float | None]]
Curve = tuple[str, Sequence[str], Sequence[Sequence[float | None]]]  # arm, kinds of the blocks, values by seed


NOTE = "Filled marks follow an MSA, hollow ones any other block; thin lines are single networks ({})."
"""How the panels are read; takes the number of networks."""


def _kinds(values: Json) -> Sequence[str]:
    """Return the kinds of the blocks; records of attention are of MSAs alone and do not name them."""
    return list(values.get("kinds") or ["msa"] * len(values["blocks"]))


def panels(view: View, values: Values, ylabel: str) -> list[Panel]:
    """Return what `values` takes of every record, by depth; a panel for each setting of the measurement."""
    drawn = []
    for given, part in view.settings():
        curves = [
            (arm, _kinds(part.of(arm)[0].values), [list(values(entry.values)) for entry in part.of(arm)])
            for arm in part.arms
        ]
        title = ylabel.partition(" (")[0]
        drawn.append(Panel(f"{title}{f', {given}' if given else ''}", _plot(curves, ylabel, view.palette)))
    return drawn


def published(view: View, numbers: Mapping[str, Sequence[float]], ylabel: str) -> list[Panel]:
    """Return the paper's numbers by depth for networks of the families that were measured here."""
    families = {arm.split("-")[0] for arm in view.arms}
    curves: list[Curve] = [
        (arm, paper_values.KINDS[arm], [values]) for arm, values in numbers.items() if arm in families
    ]
    if not curves:
        return []
    names = " and ".join(paper_values.NETWORKS[arm] for arm, _, _ in curves)
    return [Panel(f"{names}, n = 1 each", _plot(curves, ylabel, view.palette), "paper")]


def _plot(curves: Sequence[Curve], ylabel: str, palette: Palette) -> str:
    every = [value for _, _, seeds in curves for row in seeds for value in row]
    plot = Plot(f"{ylabel} by depth", (-0.03, 1.03), span(every), "normalised depth", ylabel)
    for arm, kinds, seeds in curves:
        depth = [place / max(1, len(kinds) - 1) for place in range(len(kinds))]
        if len(seeds) > 1:
            for row in seeds:
                plot.line(zip(depth, row, strict=False), palette[arm], "thin")
        middle = columns(seeds)
        plot.line(zip(depth, middle, strict=False), palette[arm])
        for filled in (False, True):
            points = [
                (x, y, f"{arm}, {kind}: {quantity(y)}")
                for x, y, kind in zip(depth, middle, kinds, strict=False)
                if (kind == "msa") is filled
            ]
            plot.marks(points, palette[arm], "mark" if filled else "hollow", 2.8)
    return plot.render()


def by_frequency(view: View, arm: str, name: str, ylabel: str) -> Panel:
    """Return one line per block, pale near the input and strong near the output, of the last snapshot (Fig. 2a)."""
    given, part = view.settings()[-1]
    entries = part.of(arm) or view.of(arm)
    blocks = [columns(rows) for rows in zip(*(entry.values[name] for entry in entries), strict=False)]
    x = entries[0].values["frequencies"]
    plot = Plot(
        f"{ylabel} by frequency, {arm}",
        span((value for row in x for value in row), pad=0.02, include=(0.0, 1.0)),
        span(value for row in blocks for value in row),
        "frequency (π)",
        ylabel,
    )
    for place, points in enumerate(zip(x, blocks, strict=False)):
        plot.line(zip(*points, strict=False), view.palette[arm], opacity=0.2 + 0.8 * (place + 1) / len(blocks))
    return Panel(f"{arm}{f', {given}' if given else ''}: from input (pale) to output", plot.render())
