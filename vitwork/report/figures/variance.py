"""Spatial variance of feature maps by depth (Fig. 9, D.1)."""

from __future__ import annotations

from operator import itemgetter

from vitwork.report import paper_values
from vitwork.report.figures.base import Figure, View, known
from vitwork.report.figures.depth import NOTE, by_depth
from vitwork.report.figures.points import PAPER


def draw(view: View) -> Figure | None:
    """Return the spatial variance of feature maps after every block."""
    part = view.plain().last()
    published = paper_values.VARIANCE if view.number == "9" else {}
    paper = bool(known(part, published))
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), *row)
        for entry in view.entries
        for row in zip(*(entry.values[name] for name in ("blocks", "kinds", "variance")), strict=True)
    ]
    return Figure(
        tuple(
            by_depth(part.of_arm(arm), itemgetter("variance"), arm, "feature map variance", published, log=True)
            for arm in part.arms
        ),
        NOTE.format(part.seeds()) + (PAPER if paper else ""),
        part.palette.legend(part.arms),
        ("arm", "seed", "when", "block", "kind", "variance"),
        tuple(rows),
    )
