"""Log amplitude of feature maps by depth and by frequency (Fig. 2a), and across blocks (Fig. 8, D.2)."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.document import Json
from vitwork.report.figures.base import Figure, Panel, Row, View, known
from vitwork.report.figures.depth import NOTE, across, by_depth, by_frequency
from vitwork.report.figures.points import PAPER

DELTA = "Δ log amplitude"
KINDS = ("msa", "mlp", "conv")


def draw(view: View) -> Figure | None:
    """Return Δ log amplitude at the highest frequency by depth, and by frequency for every block."""
    part = view.plain().last()
    panels = [by_depth(part, _highest, "At the highest frequency", DELTA, paper_values.LOG_AMPLITUDE)]
    panels += [by_frequency(part, arm, "delta", DELTA) for arm in part.arms]
    return _figure(view, part, panels)


def changes(view: View) -> Figure | None:
    """Return the change of Δ log amplitude across every block, a panel for each kind; it is by depth in `draw`."""
    part = view.plain().last()
    published = paper_values.LOG_AMPLITUDE if view.number == "8" else {}
    drawn = [across(part, _highest, kind, "change of Δ log amplitude", published) for kind in KINDS]
    return _figure(view, part, [panel for panel in drawn if panel], published=bool(published))


def _highest(values: Json) -> list[float | None]:
    return [row[-1] if row else None for row in values["delta"]]


def _figure(view: View, part: View, panels: Sequence[Panel], *, published: bool = True) -> Figure:
    paper = published and bool(known(part, paper_values.LOG_AMPLITUDE))
    rows: list[Row] = [
        (entry.arm, entry.seed, entry.parameters.get("when"), block, kind, frequency, delta)
        for entry in view.entries
        for block, kind, frequencies, row in zip(
            *(entry.values[name] for name in ("blocks", "kinds", "frequencies", "delta")), strict=True
        )
        for frequency, delta in zip(frequencies, row, strict=False)
    ]
    return Figure(
        tuple(panels),
        NOTE.format(part.seeds()) + (PAPER if paper else ""),
        part.palette.legend(part.arms),
        ("arm", "seed", "when", "block", "kind", "frequency (π)", "delta log amplitude"),
        tuple(rows),
    )
