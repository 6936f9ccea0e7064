"""Log amplitude of feature maps by depth and by frequency (Fig. 2a, 8, D.2)."""

from __future__ import annotations

from vitwork.report import paper_values
from vitwork.report.figures.base import Figure, View
from vitwork.report.figures.depth import NOTE, by_frequency, panels, published

YLABEL = "Δ log amplitude, highest freq."


def draw(view: View) -> Figure | None:
    """Return Δ log amplitude at the highest frequency by depth, and by frequency for every block."""
    drawn = panels(view, lambda values: [row[-1] if row else None for row in values["delta"]], YLABEL)
    drawn += [by_frequency(view, arm, "delta", "Δ log amplitude") for arm in view.arms]
    drawn += published(view, paper_values.LOG_AMPLITUDE, YLABEL)
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), block, kind, frequency, delta)
        for entry in view.entries
        for block, kind, frequencies, row in zip(
            *(entry.values[name] for name in ("blocks", "kinds", "frequencies", "delta")), strict=True
        )
        for frequency, delta in zip(frequencies, row, strict=False)
    ]
    return Figure(
        "Log amplitude of feature maps by depth",
        tuple(drawn),
        NOTE.format(view.seeds()),
        view.palette.legend(view.arms),
        ("arm", "seed", "when", "block", "kind", "frequency (π)", "delta log amplitude"),
        tuple(rows),
    )
