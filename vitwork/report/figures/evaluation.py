"""Error against likelihood (Fig. 5a, 7a, C.*), accuracy along the build-up (Fig. 12a), accuracy by arm (Fig. E.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, Point, View, finite_mean
from vitwork.report.figures.points import IN_PAPER, clouds, squeezed, strips
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

METRICS = ("acc", "nll", "train_nll", "ece", "signed_ece")
PLANE = ("NLL on augmented training images (nats)", "test error (%)")
PAPER = " Hollow marks are the paper’s, on CIFAR-100, of one network each."


def published(values: Mapping[str, tuple[float, float]]) -> dict[str, list[Point]]:
    """Return pairs of the paper's numbers by arm, as points with names."""
    return {arm: [(*pair, paper_values.NETWORKS.get(arm, arm))] for arm, pair in values.items()}


def explained(view: View) -> str:
    """Return how to read points in a plane."""
    if view.single:
        return "One network per arm."
    return f"Small marks are networks, large ones the mean of an arm ({view.seeds()})."


def plane(view: View) -> Figure | None:
    """Return test error against the fit to augmented training data, with the paper's networks."""
    last = view.plain().last()
    ours = {
        arm: [(e.values["train_nll"], _error(e), f"{arm}, seed {e.seed}") for e in last.of(arm)] for arm in last.arms
    }
    paper = {arm: (nll, error) for arm, (error, nll) in paper_values.ERROR_NLL.get(view.number, {}).items()}
    panels = clouds("Test error and fit to the training data", PLANE, ours, last.palette, published(paper))
    return _figure(view, last, panels, bool(paper))


def accuracy(view: View, errors: Mapping[str, float] | None = None) -> Figure | None:
    """Return the accuracy of every network by arm, with lines of so many percentage points to both sides."""
    last = view.plain().last()
    values = {arm: [_accuracy(entry) for entry in last.of(arm)] for arm in last.arms}
    drawn = strips("Accuracy of every network", "test accuracy (%)", values, view.palette, errors=errors)
    return _figure(view, last, (Panel("Accuracy, a point per network", drawn),), paper=False)


def build_up(view: View) -> Figure | None:
    """Return accuracy by the number of MSAs, with the path that the paper took."""
    last, steps = view.plain().last(), paper_values.BUILD_UP
    counts = {arm: sum(last.options.get(arm, {}).get("msas", ())) for arm in last.arms}
    ours = {arm: [_accuracy(entry) for entry in last.of(arm)] for arm in last.arms}
    mine, theirs = [value for row in ours.values() for value, _ in row], [step[2] for step in steps]
    apart = squeezed(mine, theirs)
    first = _steps([*counts.values(), 0, 5.4], mine if apart else [*mine, *theirs])
    for arm, row in ours.items():
        first.marks(((counts[arm], value, tip) for value, tip in row), view.palette[arm], "faint", 2.2)
        centre = finite_mean(value for value, _ in row)
        first.marks([(counts[arm], centre, f"{arm}: {quantity(centre, 4)} %")], view.palette[arm], size=4)
    second = _steps([0, 5.4], theirs) if apart else first
    _path(second)
    panels = [Panel("Accuracy and number of MSAs", first.render())]
    panels += [Panel(IN_PAPER, second.render())] if apart else []
    return _figure(view, last, tuple(panels), note=" The line joins the steps the paper kept.")


def _steps(counts: Sequence[float], accuracies: Sequence[float]) -> Plot:
    across = span(counts, pad=0.1)
    return Plot(
        "Accuracy along the build-up", across, span(accuracies), "number of MSAs", "test accuracy (%)", height=250
    )


def _path(plot: Plot) -> None:
    """Draw the steps that the paper took, with their names beside the line and not on it."""
    kept = [(place, value) for place, _, value, stays in paper_values.BUILD_UP if stays]
    plot.line(kept, 0, "dashrule")
    for (x, y), (to_x, to_y) in pairwise(kept):
        parts = [part / 12 for part in range(1, 12)]
        plot.dots += [(plot.sx(x + part * (to_x - x)), plot.sy(y + part * (to_y - y))) for part in parts]
    for place, name, value, _ in paper_values.BUILD_UP:
        plot.marks([(place, value, f"{name} in the paper: {value} %")], 0, "other")
    for place, name, value, _ in paper_values.BUILD_UP:
        plot.tag(place, value, name)


def _figure(view: View, last: View, panels: tuple[Panel, ...], paper: bool = True, note: str = "") -> Figure:
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), *(entry.values[name] for name in METRICS))
        for entry in view.entries
    ]
    return Figure(
        panels,
        explained(last) + (PAPER if paper else "") + note,
        view.palette.legend(last.arms),
        ("arm", "seed", "when", *METRICS),
        tuple(rows),
    )


def _error(entry: DrawnRecord) -> float:
    return 100.0 - 100.0 * float(entry.values["acc"])


def _accuracy(entry: DrawnRecord) -> tuple[float, str]:
    percent = 100.0 * entry.values["acc"]
    return percent, f"{entry.arm}, seed {entry.seed}: {quantity(percent, 4)} %"
