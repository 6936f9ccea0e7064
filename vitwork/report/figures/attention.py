"""What attention weights do by depth: how far they reach, how evenly, in how many directions, at which frequencies."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from vitwork.report.document import Json
from vitwork.report.figures.base import Figure, Row, View
from vitwork.report.figures.depth import by_depth, by_frequency

BY_DEPTH = {
    "distance": "mean distance (tokens)",
    "entropy": "entropy (nats)",
    "effective_rank": "effective rank",
}
"""Numbers per block, and their axes."""


def draw(view: View) -> Figure | None:
    """Return distance, entropy and effective rank by depth, and the gain by frequency for every block."""
    part = view.plain().last()
    drawn = [
        by_depth(part, itemgetter(name), name.replace("_", " ").capitalize(), label, {})
        for name, label in BY_DEPTH.items()
    ]
    drawn += [by_frequency(part, arm, "gain", "gain of attention") for arm in part.arms]
    rows = [(entry.arm, entry.seed, view.setting(entry), *row) for entry in view.entries for row in _rows(entry.values)]
    return Figure(
        tuple(drawn),
        "Means over heads and images. The gain is what attention makes of a pattern of one frequency: 1 leaves it, 0 "
        f"averages it away; thin lines are single networks ({part.seeds()}).",
        part.palette.legend(part.arms),
        ("arm", "seed", "setting", "block", "quantity", "frequency (π)", "value"),
        tuple(rows),
    )


def _rows(values: Json) -> Iterator[Row]:
    for place, block in enumerate(values["blocks"]):
        for name, quantity in BY_DEPTH.items():
            yield block, quantity, None, values[name][place]
        for frequency, gain in zip(values["frequencies"][place], values["gain"][place], strict=False):
            yield block, "gain", frequency, gain
