"""Similarity of blocks (CKA) as maps, stages set apart by lines (Fig. 10a, D.3)."""

from __future__ import annotations

from vitwork.report.figures.base import DrawnRecord, Figure, Panel, View, finite_mean
from vitwork.report.figures.cells import cells, ramp
from vitwork.report.svg import Plot

SIDE = 250.0


def draw(view: View) -> Figure | None:
    """Return a map per arm, the mean over seeds."""
    part = view.plain().last()
    panels = [Panel(f"{arm} (n = {len(part.of(arm))})", _map(arm, part.of(arm))) for arm in part.arms]
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), one, other, value)
        for entry in view.entries
        for one, row in zip(entry.values["blocks"], entry.values["cka"], strict=True)
        for other, value in zip(entry.values["blocks"], row, strict=True)
    ]
    return Figure(
        tuple(panels),
        "Both axes run from input to output; lines divide stages; each map is the mean over networks. The paper shows its own "
        "without numbers.",
        (),
        ("arm", "seed", "when", "block", "other block", "CKA"),
        tuple(rows),
    )


def _map(arm: str, entries: list[DrawnRecord]) -> str:
    values = entries[0].values
    count = len(values["blocks"])
    grid = [[finite_mean(entry.values["cka"][i][j] for entry in entries) for j in range(count)] for i in range(count)]
    plot = Plot(
        f"CKA between the blocks of {arm}",
        (0, count),
        (0, count),
        "block",
        "block",
        width=320,
        height=SIDE + 46,
        margin=(36, 8, 34, 38),
    )
    plot.parts.append(cells(grid, (36, 8, SIDE, SIDE), (0.0, 1.0)))
    stages = values["stages"]
    for place in range(1, count):
        if stages[place] != stages[place - 1]:
            plot.rule(x=place, kind="contour")
            plot.rule(y=place, kind="contour")
    plot.parts.append(ramp(36 + SIDE - 44, SIDE + 26, 44, ("0", "1")))
    return plot.render(xticks=[])
