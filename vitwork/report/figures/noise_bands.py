"""Noise in bands of spatial frequency: what each band costs in accuracy (Fig. 2b)."""

from __future__ import annotations

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Figure, Panel, View
from vitwork.report.figures.points import curve
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

LABELS = ("frequency of the noise (π)", "change of accuracy (pp)")


def draw(view: View) -> Figure | None:
    """Return the change of accuracy by band, next to the paper's."""
    panels = [Panel(f"Here{f', {given}' if given else ''}", _ours(part)) for given, part in view.settings()]
    families = {arm.split("-")[0] for arm in view.arms}
    theirs = {arm: values for arm, values in paper_values.NOISE_BANDS.items() if arm in families}
    if theirs:
        plot = Plot(
            "The paper's noise bands",
            (0.05, 0.95),
            span([value for row in theirs.values() for value in row], include=(0.0,)),
            *LABELS,
        )
        for arm, values in theirs.items():
            points = [(place / 10, value) for place, value in enumerate(values, start=1)]
            plot.line(points, view.palette[arm])
            plot.marks(((x, y, f"{paper_values.NETWORKS[arm]}: {quantity(y)}") for x, y in points), view.palette[arm])
        panels.append(Panel("ResNet-50 and ViT-Ti on ImageNet, n = 1 each", plot.render(), "paper"))
    rows = [
        (entry.arm, entry.seed, entry.parameters.get("power"), frequency, 100 * change)
        for entry in view.entries
        for frequency, change in zip(entry.values["frequencies"], entry.values["accuracy_change"], strict=False)
    ]
    return Figure(
        "Accuracy under noise of one frequency band",
        tuple(panels),
        f"Points are networks, lines their means ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "power", "frequency (π)", "change of accuracy (pp)"),
        tuple(rows),
    )


def _ours(view: View) -> str:
    changes = {arm: [[100 * y for y in entry.values["accuracy_change"]] for entry in view.of(arm)] for arm in view.arms}
    frequencies = {arm: view.of(arm)[0].values["frequencies"] for arm in view.arms}
    every = [value for rows in changes.values() for row in rows for value in row]
    plot = Plot(
        "Change of accuracy by band",
        span(frequency for row in frequencies.values() for frequency in row),
        span(every, include=(0.0,)),
        *LABELS,
    )
    plot.rule(y=0.0)
    for arm, rows in changes.items():
        curve(plot, view, arm, frequencies[arm], rows)
    return plot.render()
