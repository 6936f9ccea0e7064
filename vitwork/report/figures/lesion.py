"""Lesions: what removing one unit costs in accuracy (Fig. 10b, D.4)."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.axis import Point, span
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, View, seed_means
from vitwork.report.figures.points import READABLE
from vitwork.report.figures.structure import KINDS, SERIES
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Unit = tuple[str, str, int]  # name, kind, stage


def draw(view: View) -> Figure | None:
    """Return bars per unit for every arm, with a point per network, and the paper's Swin.

    Its bars have the scale of ours unless that would flatten them: small networks lose ten times as much.
    """
    part = view.plain().last()
    ours = {arm: (_units(part.of(arm)[0]), [_changes(entry) for entry in part.of(arm)]) for arm in part.arms}
    paper = paper_values.SWIN_LESION if view.number == "10b" else ()
    theirs = [value for _, _, value in paper]
    reach = span([y for _, rows in ours.values() for row in rows for y in row], include=(0.0,))
    own = span(theirs, include=(0.0,))
    common = min(reach[0], own[0]), max(reach[1], own[1])
    apart = bool(paper) and own[1] - own[0] < READABLE * (common[1] - common[0])
    if paper and not apart:
        reach = own = common
    panels = [Panel(f"{arm} (n = {len(rows)})", _bars(arm, units, rows, reach)) for arm, (units, rows) in ours.items()]
    if paper:
        units = [(f"stage {stage} {kind}", kind, stage) for stage, kind, _ in paper]
        scale = ", on a scale of its own" if apart else ""
        panels.append(Panel(f"The paper’s Swin-Ti (n = 1{scale})", _bars("Swin-Ti", units, [theirs], own)))
    kinds = dict.fromkeys(kind for units, _ in ours.values() for _, kind, _ in units)
    if paper:
        kinds |= dict.fromkeys(kind for _, kind, _ in paper)
    rows = [
        (entry.arm, entry.seed, unit, kind, stage, change)
        for entry in view.entries
        for (unit, kind, stage), change in zip(_units(entry), _changes(entry), strict=False)
    ]
    told = (
        " The paper’s first two lie below −2.3 pp, off its drawing; it prints no numbers for a ResNet." if paper else ""
    )
    if apart:
        told += " Its network loses so little beside ours that bars on one scale would be flat."
    return Figure(
        tuple(panels),
        f"Units from input to output; dotted lines divide stages; bars are means, points are networks.{told}",
        tuple((SERIES.get(kind, 7), KINDS.get(kind, kind)) for kind in kinds),
        ("arm", "seed", "unit", "kind", "stage", "change of accuracy (pp)"),
        tuple(rows),
    )


def _units(entry: DrawnRecord) -> list[Unit]:
    values = entry.values
    return list(zip(values["units"], values["kinds"], values["stages"], strict=True))


def _changes(entry: DrawnRecord) -> list[float | None]:
    return [None if y is None else 100 * y for y in entry.values["accuracy_change"]]


def _bars(arm: str, units: Sequence[Unit], seeds: Sequence[Sequence[float | None]], reach: Point) -> str:
    plot = Plot(
        f"Change of accuracy per removed unit of {arm}",
        (-0.7, len(units) - 0.3),
        reach,
        "unit, from input to output",
        "change of accuracy (pp)",
    )
    half = min(9.0, 0.4 * (plot.sx(1) - plot.sx(0)))
    for place, ((name, kind, stage), value) in enumerate(zip(units, seed_means(seeds), strict=False)):
        if place and stage != units[place - 1][2]:
            plot.rule(x=place - 0.5, kind="divide")
        if value is not None:
            plot.bar(place, value, SERIES.get(kind, 7), half, f"{name}: {quantity(value)} pp")
    for row in seeds if len(seeds) > 1 else ():
        for place, value in enumerate(row):
            plot.marks([(place, value, "")], SERIES.get(units[place][1], 7), "faint", 1.7)
    plot.rule(y=0.0)
    return plot.render(xticks=[])
