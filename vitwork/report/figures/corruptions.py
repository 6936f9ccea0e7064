"""Accuracy under the fifteen corruptions, by severity and by kind (the robustness of Fig. 12b)."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.document import Json
from vitwork.report.figures.base import Figure, Palette, Panel, View, columns, mean
from vitwork.report.figures.points import ROW, cloud, curve
from vitwork.report.svg import Plot, fitted
from vitwork.report.words import quantity

AXES = ("accuracy (%)", "accuracy under corruptions (%)")


def draw(view: View) -> Figure | None:
    """Return accuracy by severity and by corruption, and robustness against accuracy, next to the paper's."""
    panels = []
    for given, part in view.settings():
        tail = f", {given}" if given else ""
        panels += [
            Panel(f"By severity, mean over corruptions{tail}", _by_severity(part)),
            Panel(f"By corruption, mean over severities{tail}", _by_kind(part)),
            Panel(f"Robustness and accuracy{tail}", _against_clean(part)),
        ]
    if "12b" in view.figures:
        panels.append(Panel("Fig. 12b, CIFAR-100, n = 1 each", published(view.palette), "paper"))
    rows = [
        (entry.arm, entry.seed, name, severity, 100 * accuracy)
        for entry in view.entries
        for name, found in zip(entry.values["names"], entry.values["accuracy"], strict=True)
        for severity, accuracy in zip(entry.values["severities"], found, strict=True)
    ]
    return Figure(
        "Accuracy on corrupted images",
        tuple(panels),
        f"Severity 0 is the clean image; small pale points are networks, lines and large points their means ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "corruption", "severity", "accuracy (%)"),
        tuple(rows),
    )


def published(palette: Palette) -> str:
    """Return the paper's accuracy and robustness."""
    theirs = {
        arm: [(*point, paper_values.NETWORKS.get(arm, arm))] for arm, point in paper_values.ACCURACY_ROBUSTNESS.items()
    }
    return cloud("The paper's accuracy and robustness", ("accuracy (%)", "robustness (%)"), theirs, palette, names=True)


def _percent(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else 100 * value for value in values]


def _robustness(values: Json) -> float | None:
    return mean(value for row in values["accuracy"] for value in _percent(row))


def _by_severity(view: View) -> str:
    severities = view.entries[0].values["severities"]
    curves = {
        arm: [_percent([e.values["clean"], *columns(e.values["accuracy"])]) for e in view.of(arm)] for arm in view.arms
    }
    every = [value for rows in curves.values() for row in rows for value in row]
    plot = Plot("Accuracy by severity", (-0.25, max(severities) + 0.25), span(every), "severity", AXES[0])
    for arm, rows in curves.items():
        curve(plot, view, arm, [0, *severities], rows)
    return plot.render(xticks=[(place, str(place)) for place in (0, *severities)])


def _by_kind(view: View) -> str:
    names = view.entries[0].values["names"]
    found = {
        arm: [[mean(_percent(row)) for row in entry.values["accuracy"]] for entry in view.of(arm)] for arm in view.arms
    }
    plot = Plot(
        "Accuracy by corruption",
        span(value for rows in found.values() for row in rows for value in row),
        (-0.6, len(names) - 0.4),
        AXES[0],
        height=44 + 0.8 * ROW * len(names),
        margin=(118, 4, 10, 36),
    )
    for place, name in enumerate(reversed(names)):
        plot.text(112, plot.sy(place) + 3.5, fitted(str(name).replace("_", " "), 112), "end", "row")
    for arm, rows in found.items():
        for row in rows:
            plot.marks(((x, y, "") for y, x in enumerate(reversed(row))), view.palette[arm], "faint", 1.9)
        middle = enumerate(zip(reversed(names), reversed(columns(rows)), strict=True))
        plot.marks(((x, y, f"{arm}, {name}: {quantity(x)} %") for y, (name, x) in middle), view.palette[arm])
    return plot.render(grid=False)


def _against_clean(view: View) -> str:
    ours = {
        arm: [(100 * e.values["clean"], _robustness(e.values), f"{arm}, seed {e.seed}") for e in view.of(arm)]
        for arm in view.arms
    }
    return cloud("Robustness against accuracy", AXES, ours, view.palette)
