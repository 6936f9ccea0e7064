"""Error against likelihood, accuracy by arm, reliability (Fig. 5a, 7a, 12a, 12b, F.1a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports import paper
from reports.figures.base import Figure, Palette, Panel, View, columns, mean
from reports.plot import Plot
from reports.scale import span
from reports.words import quantity

Cloud = Mapping[str, Sequence[tuple[float, float, str]]]
ROW = 22.0


def draw(view: View) -> Figure | None:
    """Return what the final evaluation of every network says, beside the paper's panels for the same figure."""
    _, last = view.settings()[-1]
    panels = [Panel("Accuracy, one point per network", _strips(last))]
    if len(last.arms) > 1 and all("train_nll" in entry["values"] for entry in last.entries):
        ours = {
            arm: [
                (100 - 100 * e["values"]["acc"], e["values"]["train_nll"], f"{arm}, seed {e['seed']}")
                for e in last.of(arm)
                if e["values"]["train_nll"] is not None
            ]
            for arm in last.arms
        }
        panels.append(Panel("Test error and fit to augmented training data", _cloud(ours, view.palette)))
    panels += _paper(view)
    if all("bins" in entry["values"] for entry in last.entries):
        panels.append(Panel("Reliability: accuracy by confidence", _reliability(last)))
    rows = [
        (entry["arm"], entry["seed"], entry["parameters"].get("when"), *(entry["values"].get(name) for name in METRICS))
        for entry in view.entries
    ]
    return Figure(
        "Accuracy, likelihood and calibration",
        tuple(panels),
        f"On the test images unless said otherwise ({last.seeds()}).",
        view.palette.legend(last.arms),
        ("arm", "seed", "when", *METRICS),
        tuple(rows),
    )


METRICS = ("acc", "nll", "train_nll", "ece", "signed_ece")


def _strips(view: View) -> str:
    values = {arm: [100 * entry["values"]["acc"] for entry in view.of(arm)] for arm in view.arms}
    every = [value for row in values.values() for value in row]
    plot = Plot(
        "Accuracy of every network",
        span(every),
        (-0.5, len(values) - 0.5),
        "test accuracy (%)",
        height=44 + ROW * len(values),
        margin=(112, 4, 10, 36),
    )
    for place, (arm, row) in enumerate(reversed(values.items())):
        plot.text(106, plot.sy(place) + 3.5, arm if len(arm) < 18 else f"{arm[:16]}…", "end", "row")
        centre = mean(row)
        if centre is not None:
            plot.line([(centre, place - 0.32), (centre, place + 0.32)], view.palette[arm])
        tips = [
            f"{arm}, seed {entry['seed']}: {quantity(value, 4)} %"
            for entry, value in zip(view.of(arm), row, strict=True)
        ]
        plot.marks(((value, place, tip) for value, tip in zip(row, tips, strict=True)), view.palette[arm])
    return plot.render(grid=False)


def _cloud(arms: Cloud, palette: Palette, names: bool = False) -> str:
    x = [point[0] for points in arms.values() for point in points]
    y = [point[1] for points in arms.values() for point in points]
    plot = Plot(
        "Test error against training NLL", span(x, pad=0.12), span(y, pad=0.1), "test error (%)", "training NLL (nats)"
    )
    for arm, points in arms.items():
        plot.marks(points, palette[arm], size=3.6)
        if names:
            for point in points:
                plot.tag(*point)
    return plot.render()


def _paper(view: View) -> list[Panel]:
    panels = []
    for figure in view.figures:
        if figure in paper.ERROR_NLL:
            theirs = {arm: [(*point, paper.NETWORKS.get(arm, arm))] for arm, point in paper.ERROR_NLL[figure].items()}
            panels.append(
                Panel(f"Fig. {figure}, CIFAR-100, n = 1 each", _cloud(theirs, view.palette, names=True), "paper")
            )
        if figure == "12a":
            panels.append(Panel("Fig. 12a, CIFAR-100, n = 1 each; hollow: rejected", _build_up(view.palette), "paper"))
        if figure == "12b":
            panels.append(Panel("Fig. 12b, CIFAR-100, n = 1 each", _robustness(view.palette), "paper"))
    return panels


def _build_up(palette: Palette) -> str:
    steps = paper.BUILD_UP
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


def _robustness(palette: Palette) -> str:
    numbers = paper.ACCURACY_ROBUSTNESS
    accuracy, robustness = zip(*numbers.values(), strict=True)
    plot = Plot(
        "The paper's accuracy and robustness",
        span(accuracy, pad=0.1),
        span(robustness, pad=0.1),
        "accuracy (%)",
        "robustness (%)",
    )
    for arm, (x, y) in numbers.items():
        name = paper.NETWORKS.get(arm, arm)
        plot.marks([(x, y, name)], palette[arm], size=3.6)
        plot.tag(x, y, name)
    return plot.render()


def _reliability(view: View) -> str:
    plot = Plot("Accuracy by confidence", (0.0, 1.0), (0.0, 1.0), "confidence", "accuracy", height=260)
    plot.line([(0, 0), (1, 1)], 7, "dash")
    for arm in view.arms:
        diagrams = [entry["values"]["bins"] for entry in view.of(arm)]
        kept = [
            [(c, a) if n else (None, None) for c, a, n in zip(d["confidence"], d["accuracy"], d["count"], strict=True)]
            for d in diagrams
        ]
        confidence = columns([point[0] for point in row] for row in kept)
        accuracy = columns([point[1] for point in row] for row in kept)
        plot.line(zip(confidence, accuracy, strict=True), view.palette[arm])
        points = zip(confidence, accuracy, strict=True)
        plot.marks(((x, y, f"{arm}: {quantity(y)} at {quantity(x)}") for x, y in points), view.palette[arm], size=2.6)
    return plot.render()
