"""Accuracy under corruptions: against clean accuracy (Fig. 12b), and by severity and by kind."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.document import Json
from vitwork.report.figures.base import Figure, Panel, View, finite_mean, seed_means
from vitwork.report.figures.evaluation import PAPER, explained, published
from vitwork.report.figures.points import NOTE, ROW, clouds, curve
from vitwork.report.svg import Plot, fitted
from vitwork.report.words import quantity

PLANE = ("accuracy (%)", "accuracy under corruptions (%)")


def robustness(view: View) -> Figure | None:
    """Return mean accuracy under corruptions against clean accuracy, with the paper's."""
    part = view.plain().last()
    ours = {
        arm: [(100 * e.values["clean"], _mean(e.values), f"{arm}, seed {e.seed}") for e in part.of(arm)]
        for arm in part.arms
    }
    paper = published(paper_values.ACCURACY_ROBUSTNESS)
    panels = clouds("Robustness and accuracy", PLANE, ours, part.palette, paper)
    return _figure(view, part, panels, explained(part) + PAPER)


def by_kind(view: View) -> Figure | None:
    """Return accuracy by severity and by corruption."""
    part = view.plain().last()
    panels = (
        Panel("By severity, mean over corruptions; 0 is the clean image", _severities(part)),
        Panel("By corruption, mean over severities", _corruptions(part)),
    )
    return _figure(view, part, panels, NOTE.format(part.seeds()))


def _figure(view: View, part: View, panels: tuple[Panel, ...], note: str) -> Figure:
    rows = [
        (entry.arm, entry.seed, name, severity, 100 * accuracy)
        for entry in view.entries
        for name, found in zip(entry.values["names"], entry.values["accuracy"], strict=True)
        for severity, accuracy in zip(entry.values["severities"], found, strict=True)
    ]
    header = ("arm", "seed", "corruption", "severity", "accuracy (%)")
    return Figure(panels, note, part.palette.legend(part.arms), header, tuple(rows))


def _percent(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else 100 * value for value in values]


def _mean(values: Json) -> float | None:
    return finite_mean(value for row in values["accuracy"] for value in _percent(row))


def _severities(view: View) -> str:
    severities = view.entries[0].values["severities"]
    curves = {
        arm: [_percent([e.values["clean"], *seed_means(e.values["accuracy"])]) for e in view.of(arm)]
        for arm in view.arms
    }
    every = [value for rows in curves.values() for row in rows for value in row]
    plot = Plot("Accuracy by severity", (-0.25, max(severities) + 0.25), span(every), "severity", "accuracy (%)")
    for arm, rows in curves.items():
        curve(plot, view, arm, [0, *severities], rows)
    return plot.render(xticks=[(place, str(place)) for place in (0, *severities)])


def _corruptions(view: View) -> str:
    names = view.entries[0].values["names"]
    found = {
        arm: [[finite_mean(_percent(row)) for row in entry.values["accuracy"]] for entry in view.of(arm)]
        for arm in view.arms
    }
    plot = Plot(
        "Accuracy by corruption",
        span(value for rows in found.values() for row in rows for value in row),
        (-0.6, len(names) - 0.4),
        "accuracy (%)",
        height=44 + 0.8 * ROW * len(names),
        margin=(118, 4, 10, 36),
    )
    for place, name in enumerate(reversed(names)):
        plot.text(112, plot.sy(place) + 3.5, fitted(str(name).replace("_", " "), 112), "end", "row")
    for arm, rows in found.items():
        for row in rows:
            plot.marks(((x, y, "") for y, x in enumerate(reversed(row))), view.palette[arm], "faint", 1.9)
        middle = enumerate(zip(reversed(names), reversed(seed_means(rows)), strict=True))
        plot.marks(((x, y, f"{arm}, {name}: {quantity(x)} %") for y, (name, x) in middle), view.palette[arm])
    return plot.render(grid=False)
