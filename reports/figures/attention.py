"""What attention weights do by depth: how far they reach, how evenly, in how many directions, at which frequencies."""

from __future__ import annotations

from operator import itemgetter

from reports.figures.base import Figure, View
from reports.figures.depth import by_frequency, panels

BY_DEPTH = {
    "distance": "mean distance (tokens)",
    "entropy": "entropy (nats)",
    "effective_rank": "effective rank",
}
"""Numbers per block, and their axes."""


def draw(view: View) -> Figure | None:
    """Return distance, entropy and effective rank by depth, and the gain by frequency for every block."""
    known = [name for name in BY_DEPTH if all(name in entry["values"] for entry in view.entries)]
    drawn = [panel for name in known for panel in panels(view, itemgetter(name), BY_DEPTH[name])]
    if all("gain" in entry["values"] for entry in view.entries):
        drawn += [by_frequency(view, arm, "gain", "gain of attention") for arm in view.arms]
    rows = [
        (entry["arm"], entry["seed"], entry["parameters"].get("when"), block, *numbers)
        for entry in view.entries
        for block, *numbers in zip(entry["values"]["blocks"], *(entry["values"][name] for name in known), strict=True)
    ]
    return Figure(
        "Attention by depth",
        tuple(drawn),
        "Means over heads and images. The gain is what attention makes of a pattern of one frequency: 1 leaves it, 0 "
        f"averages it away; thin lines are single networks ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "when", "block", *(BY_DEPTH[name] for name in known)),
        tuple(rows),
    )
