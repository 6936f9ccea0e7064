"""Training curves: loss by epoch, a thin line per run and a thick one for the mean of an arm, in a colour per model."""

from __future__ import annotations

from collections.abc import Sequence

from vitwork.facts.document import RunResult
from vitwork.report.axis import LARGEST, excessive, span
from vitwork.report.figures.base import Figure, Palette, Panel, seed_means
from vitwork.report.svg import Plot
from vitwork.report.words import left_out


def draw(runs: Sequence[RunResult]) -> Figure | None:
    """Return the training curves of all runs; None where no history was kept."""
    models = {run.arm: run.model or run.arm for run in runs}
    palette = Palette()
    arms: dict[str, list[list[tuple[float, float | None]]]] = {}
    beyond: list[tuple[str, int]] = []
    for run in runs:
        curve = [(at, epoch.get("loss")) for epoch in run.history if (at := epoch.get("epoch")) is not None]
        if excessive(curve):
            beyond.append((run.arm, run.seed))
        elif curve:
            arms.setdefault(run.arm, []).append(curve)
    losses = [loss for curves in arms.values() for curve in curves for _, loss in curve]
    if not any(loss is not None for loss in losses):
        return None
    left = f" {left_out(beyond, LARGEST)}" if beyond else ""
    epochs = [epoch for curves in arms.values() for curve in curves for epoch, _ in curve]
    plot = Plot("Training loss by epoch", span(epochs), span(losses), "epoch", "training loss (nats)")
    for arm, curves in arms.items():
        for curve in curves:
            plot.line(curve, palette[models[arm]], "thin")
        middle = seed_means([loss for _, loss in curve] for curve in curves)
        plot.line(zip([epoch for epoch, _ in curves[0]], middle, strict=False), palette[models[arm]])
    rows = tuple((run.arm, run.seed, epoch.get("epoch"), epoch.get("loss")) for run in runs for epoch in run.history)
    return Figure(
        (Panel("Loss on the training data", plot.render()),),
        f"A thin line per network, a thick one for the mean of an arm, in the colour of its model.{left}",
        palette.legend(dict.fromkeys(models[arm] for arm in arms)),
        ("arm", "seed", "epoch", "loss"),
        rows,
    )
