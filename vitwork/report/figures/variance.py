"""Spatial variance of feature maps by depth (Fig. 9, D.1)."""

from __future__ import annotations

from operator import itemgetter

from vitwork.report import paper_values
from vitwork.report.figures.base import Figure, View
from vitwork.report.figures.depth import NOTE, panels, published

YLABEL = "feature map variance"


def draw(view: View) -> Figure | None:
    """Return the spatial variance of feature maps after every block."""
    drawn = panels(view, itemgetter("variance"), YLABEL)
    drawn += published(view, paper_values.VARIANCE, YLABEL)
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), *row)
        for entry in view.entries
        for row in zip(*(entry.values[name] for name in ("blocks", "kinds", "variance")), strict=True)
    ]
    return Figure(
        "Variance of feature maps by depth",
        tuple(drawn),
        NOTE.format(view.seeds()),
        view.palette.legend(view.arms),
        ("arm", "seed", "when", "block", "kind", "variance"),
        tuple(rows),
    )
