"""Panels of quantities by depth, blocks from stem to head, across blocks of one kind, and by frequency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.document import Json
from vitwork.report.figures.base import Panel, View, known, seed_means
from vitwork.report.figures.points import curve, theirs
from vitwork.report.figures.structure import KINDS
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Values = Callable[[Json], Sequence[float | None]]
Published = Mapping[str, Sequence[float]]
NOTE = "Large marks follow an MSA. Thin lines are networks, thick ones their means ({})."


def _kinds(values: Json) -> Sequence[str]:
    """Return the kinds of the blocks; records of attention are of MSAs alone and do not name them."""
    return list(values.get("kinds") or ["msa"] * len(values["blocks"]))


def _depth(count: int) -> list[float]:
    return [place / max(1, count - 1) for place in range(count)]


def by_depth(
    view: View, values: Values, heading: str, ylabel: str, published: Published, *, log: bool = False
) -> Panel:
    """Return what `values` takes of every record, by depth, with the paper's values."""
    rows = {arm: [list(values(entry.values)) for entry in view.of(arm)] for arm in view.layers}
    paper = known(view, published)
    every = [value for row in chain(*rows.values(), paper.values()) for value in row]
    plot = Plot(
        f"{heading} by depth", (-0.03, 1.03), span(every, log=log), "normalised depth", ylabel, log_y=log, height=250
    )
    for arm, seeds in rows.items():
        kinds, middle = _kinds(view.of(arm)[0].values), seed_means(seeds)
        depth = _depth(len(kinds))
        for row in seeds if len(seeds) > 1 else ():
            plot.line(zip(depth, row, strict=False), view.palette[arm], "thin")
        plot.line(zip(depth, middle, strict=False), view.palette[arm])
        for x, y, kind in zip(depth, middle, kinds, strict=False):
            plot.marks([(x, y, f"{arm}, {kind}: {quantity(y)}")], view.palette[arm], size=3.2 if kind == "msa" else 1.7)
    for arm, numbers in paper.items():
        theirs(plot, view, arm, list(zip(_depth(len(numbers)), numbers, strict=True)))
    return Panel(heading, plot.render())


def across(view: View, values: Values, kind: str, ylabel: str, published: Published) -> Panel | None:
    """Return by how much each block of a kind changes the quantity, by depth, beside the paper's; None without such blocks.

    Where the resolution falls, values before and after cannot be compared: such blocks are left out.
    """
    rows = {}
    for arm in view.layers:
        first = view.of(arm)[0].values
        places = _places(_kinds(first), first["downsamples"], kind)
        if places:
            count = len(first["blocks"]) - 1
            changes = [_steps(list(values(entry.values)), places) for entry in view.of(arm)]
            rows[arm] = ([place / count for place in places], changes)
    paper = {}
    for arm, numbers in known(view, published).items():
        places = _places(paper_values.KINDS[arm], paper_values.DOWNSAMPLES[arm], kind)
        paper[arm] = list(zip([p / (len(numbers) - 1) for p in places], _steps(numbers, places), strict=True))
    if not rows:
        return None
    every = [value for _, seeds in rows.values() for row in seeds for value in row]
    every += [value for points in paper.values() for _, value in points]
    plot = Plot(
        f"{ylabel} across {kind}", (-0.03, 1.03), span(every, include=(0.0,)), "normalised depth", ylabel, height=250
    )
    plot.rule(y=0.0)
    for arm, (depth, seeds) in rows.items():
        curve(plot, view, arm, depth, seeds)
    for arm, points in paper.items():
        if points:
            theirs(plot, view, arm, points)
    return Panel(f"Change across each {KINDS[kind]}", plot.render())


def _places(kinds: Sequence[str], downsamples: Sequence[bool], kind: str) -> list[int]:
    return [
        at for at, (one, down) in enumerate(zip(kinds, downsamples, strict=True)) if at and one == kind and not down
    ]


def _steps(values: Sequence[float | None], places: Sequence[int]) -> list[float | None]:
    pairs = [(values[place - 1], values[place]) for place in places]
    return [None if before is None or after is None else after - before for before, after in pairs]


def by_frequency(view: View, arm: str, name: str, ylabel: str) -> Panel:
    """Return one line per block, pale near the input and strong near the output (Fig. 2a)."""
    entries = view.of(arm)
    blocks = [seed_means(rows) for rows in zip(*(entry.values[name] for entry in entries), strict=False)]
    x = entries[0].values["frequencies"]
    plot = Plot(
        f"{ylabel} by frequency, {arm}",
        span((value for row in x for value in row), pad=0.02, include=(0.0, 1.0)),
        span(value for row in blocks for value in row),
        "frequency (π)",
        ylabel,
        height=250,
    )
    for place, points in enumerate(zip(x, blocks, strict=False)):
        plot.line(zip(*points, strict=False), view.palette[arm], opacity=0.2 + 0.8 * (place + 1) / len(blocks))
    return Panel(f"{arm}: from input (pale) to output, mean of {len(entries)}", plot.render())
