"""Lesions: what removing one unit costs in accuracy (Fig. 10b, D.4)."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Entry, Figure, Panel, View, columns
from vitwork.report.figures.structure import SERIES
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Unit = tuple[str, str, int]  # name, kind, stage


def draw(view: View) -> Figure | None:
    """Return bars per unit for every arm, with a point per network, next to the paper's Swin."""
    panels = []
    for given, part in view.settings():
        for arm in part.arms:
            entries = part.of(arm)
            panels.append(Panel(f"{arm}{f', {given}' if given else ''} (n = {len(entries)})", _ours(arm, entries)))
    if "10b" in view.figures:
        units = [(f"stage {stage} {kind}", kind, stage) for stage, kind, _ in paper_values.SWIN_LESION]
        values = [value for _, _, value in paper_values.SWIN_LESION]
        panels.append(
            Panel("Swin-Ti, n = 1; the first two bars are off its scale", _bars("Swin-Ti", units, [values]), "paper")
        )
    kinds = dict.fromkeys(kind for entry in view.entries for kind in entry.values["kinds"])
    rows = [
        (entry.arm, entry.seed, unit, kind, stage, 100 * change)
        for entry in view.entries
        for (unit, kind, stage), change in zip(_units(entry), entry.values["accuracy_change"], strict=False)
    ]
    return Figure(
        "Accuracy when one unit is removed",
        tuple(panels),
        "Units from input to output; dotted lines divide stages; bars are means, points are networks.",
        tuple((SERIES.get(kind, 7), kind) for kind in kinds),
        ("arm", "seed", "unit", "kind", "stage", "change of accuracy (pp)"),
        tuple(rows),
    )


def _units(entry: Entry) -> list[Unit]:
    values = entry.values
    return list(zip(values["units"], values["kinds"], values["stages"], strict=True))


def _ours(arm: str, entries: Sequence[Entry]) -> str:
    changes = [[None if y is None else 100 * y for y in entry.values["accuracy_change"]] for entry in entries]
    return _bars(arm, _units(entries[0]), changes)


def _bars(arm: str, units: Sequence[Unit], seeds: Sequence[Sequence[float | None]]) -> str:
    every = [value for row in seeds for value in row]
    plot = Plot(
        f"Change of accuracy per removed unit of {arm}",
        (-0.7, len(units) - 0.3),
        span(every, include=(0.0,)),
        "unit, from input to output",
        "change of accuracy (pp)",
    )
    half = min(9.0, 0.4 * (plot.sx(1) - plot.sx(0)))
    for place, ((name, kind, stage), value) in enumerate(zip(units, columns(seeds), strict=False)):
        if place and stage != units[place - 1][2]:
            plot.rule(x=place - 0.5, kind="divide")
        if value is not None:
            plot.bar(place, value, SERIES.get(kind, 7), half, f"{name}: {quantity(value)} pp")
    for row in seeds if len(seeds) > 1 else ():
        for place, value in enumerate(row):
            plot.marks([(place, value, "")], SERIES.get(units[place][1], 7), "faint", 1.7)
    plot.rule(y=0.0)
    return plot.render(xticks=[])
