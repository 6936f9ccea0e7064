"""Accuracy by arm, error against likelihood (Fig. 5a, 7a, 12a, 12b)."""

from __future__ import annotations

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures import corruptions
from vitwork.report.figures.base import Entry, Figure, Palette, Panel, View
from vitwork.report.figures.points import cloud, strips
from vitwork.report.svg import Plot
from vitwork.report.words import quantity


def draw(view: View) -> Figure | None:
    """Return what the final evaluation of every network says, next to the paper's panels for the same figure."""
    _, last = view.settings()[-1]
    accuracies = {arm: [_accuracy(entry) for entry in last.of(arm)] for arm in last.arms}
    drawn = strips("Accuracy of every network", "test accuracy (%)", accuracies, view.palette)
    panels = [Panel("Accuracy, one point per network", drawn)]
    if len(last.arms) > 1:
        ours = {
            arm: [
                (100 - 100 * e.values["acc"], e.values["train_nll"], f"{arm}, seed {e.seed}")
                for e in last.of(arm)
                if e.values["train_nll"] is not None
            ]
            for arm in last.arms
        }
        panels.append(
            Panel(
                "Test error and fit to augmented training data",
                cloud("Test error against training NLL", ERROR_NLL, ours, view.palette),
            )
        )
    panels += _paper(view)
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("when"), *(entry.values[name] for name in METRICS))
        for entry in view.entries
    ]
    return Figure(
        "Accuracy and likelihood",
        tuple(panels),
        f"On the test images unless said otherwise ({last.seeds()}).",
        view.palette.legend(last.arms),
        ("arm", "seed", "when", *METRICS),
        tuple(rows),
    )


ERROR_NLL = ("test error (%)", "training NLL (nats)")
METRICS = ("acc", "nll", "train_nll", "ece", "signed_ece")


def _accuracy(entry: Entry) -> tuple[float, str]:
    percent = 100 * entry.values["acc"]
    return percent, f"{entry.arm}, seed {entry.seed}: {quantity(percent, 4)} %"


def _paper(view: View) -> list[Panel]:
    panels = []
    for figure in view.figures:
        if figure in paper_values.ERROR_NLL:
            theirs = {
                arm: [(*point, paper_values.NETWORKS.get(arm, arm))]
                for arm, point in paper_values.ERROR_NLL[figure].items()
            }
            panels.append(
                Panel(
                    f"Fig. {figure}, CIFAR-100, n = 1 each",
                    cloud("The paper's test error against training NLL", ERROR_NLL, theirs, view.palette, names=True),
                    "paper",
                )
            )
        if figure == "12a":
            panels.append(Panel("Fig. 12a, CIFAR-100, n = 1 each; hollow: rejected", _build_up(view.palette), "paper"))
        if figure == "12b":
            panels.append(Panel("Fig. 12b, CIFAR-100, n = 1 each", corruptions.published(view.palette), "paper"))
    return panels


def _build_up(palette: Palette) -> str:
    steps = paper_values.BUILD_UP
    plot = Plot(
        "The paper's build-up path",
        (-0.4, 5.9),
        span([step[2] for step in steps]),
        "number of MSAs",
        "test accuracy (%)",
    )
    series = palette["alternet"]
    plot.line([(step[0], step[2]) for step in steps if step[3]], series)
    for place, name, value, kept in steps:
        plot.marks([(place, value, f"{name}: {value} %")], series, "mark" if kept else "hollow")
        plot.tag(place, value, name)
    return plot.render()
