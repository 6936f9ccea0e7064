"""Error against likelihood (Fig. 5a, 7a, C.*), accuracy along the build-up (Fig. 12a), accuracy by arm (Fig. E.1)."""

from __future__ import annotations

from collections.abc import Mapping

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, Point, View, finite_mean
from vitwork.report.figures.points import cloud, strips
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

METRICS = ("acc", "nll", "train_nll", "ece", "signed_ece")
PLANE = ("NLL on augmented training images (nats)", "test error (%)")
POINTS = "Small marks are networks, large ones the mean of an arm ({})."
PAPER = " Hollow marks are the paper’s, on CIFAR-100, of one network each."


def published(values: Mapping[str, tuple[float, float]]) -> dict[str, list[Point]]:
    """Return pairs of the paper's numbers by arm, as points with names."""
    return {arm: [(*pair, paper_values.NETWORKS.get(arm, arm))] for arm, pair in values.items()}


def plane(view: View) -> Figure | None:
    """Return test error against the fit to augmented training data, with the paper's networks."""
    last = view.plain().last()
    ours = {
        arm: [(e.values["train_nll"], _error(e), f"{arm}, seed {e.seed}") for e in last.of(arm)] for arm in last.arms
    }
    paper = {arm: (nll, error) for arm, (error, nll) in paper_values.ERROR_NLL.get(view.number, {}).items()}
    drawn = cloud("Test error against training NLL", PLANE, ours, last.palette, published(paper))
    return _figure(view, last, Panel("Test error and fit to the training data", drawn), bool(paper))


def accuracy(view: View, errors: Mapping[str, float] | None = None) -> Figure | None:
    """Return the accuracy of every network by arm, with lines of so many percentage points to both sides."""
    last = view.plain().last()
    values = {arm: [_accuracy(entry) for entry in last.of(arm)] for arm in last.arms}
    drawn = strips("Accuracy of every network", "test accuracy (%)", values, view.palette, errors=errors)
    return _figure(view, last, Panel("Accuracy, a point per network", drawn), paper=False)


def build_up(view: View) -> Figure | None:
    """Return accuracy by the number of MSAs, with the path that the paper took."""
    last, steps = view.plain().last(), paper_values.BUILD_UP
    counts = {arm: sum(last.options.get(arm, {}).get("msas", ())) for arm in last.arms}
    ours = {arm: [_accuracy(entry) for entry in last.of(arm)] for arm in last.arms}
    every = [*(step[2] for step in steps), *(value for row in ours.values() for value, _ in row)]
    plot = Plot(
        "Accuracy along the build-up", span([*counts.values(), 0, 5.4]), span(every), "number of MSAs", "test accuracy (%)",
        height=250,
    )  # fmt: skip
    for arm, row in ours.items():
        plot.marks(((counts[arm], value, tip) for value, tip in row), view.palette[arm], "faint", 2.2)
        centre = finite_mean(value for value, _ in row)
        plot.marks([(counts[arm], centre, f"{arm}: {quantity(centre, 4)} %")], view.palette[arm], size=4)
    plot.line([(step[0], step[2]) for step in steps if step[3]], 0, "dashrule")
    for place, name, value, _ in steps:
        plot.marks([(place, value, f"{name} in the paper: {value} %")], 0, "other")
        plot.tag(place, value, name)
    return _figure(
        view, last, Panel("Accuracy and number of MSAs; the line joins the steps the paper kept", plot.render())
    )


def _figure(view: View, last: View, panel: Panel, paper: bool = True) -> Figure:
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), *(entry.values[name] for name in METRICS))
        for entry in view.entries
    ]
    return Figure(
        (panel,),
        POINTS.format(last.seeds()) + (PAPER if paper else ""),
        view.palette.legend(last.arms),
        ("arm", "seed", "when", *METRICS),
        tuple(rows),
    )


def _error(entry: DrawnRecord) -> float:
    return 100.0 - 100.0 * float(entry.values["acc"])


def _accuracy(entry: DrawnRecord) -> tuple[float, str]:
    percent = 100.0 * entry.values["acc"]
    return percent, f"{entry.arm}, seed {entry.seed}: {quantity(percent, 4)} %"
