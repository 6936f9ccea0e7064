"""Reliability: how often predictions of a given confidence are right (Fig. F.1a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitwork.report.axis import span
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, View, seed_means
from vitwork.report.figures.points import curve
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Bins = Mapping[str, Sequence[float | None]]


def draw(view: View) -> Figure | None:
    """Return accuracy by confidence, and how many predictions have which confidence, of the last snapshot."""
    last = view.plain().last()
    rows = [
        (entry.arm, entry.seed, view.setting(entry), place, bins["confidence"][place], bins["accuracy"][place], n)
        for entry in view.entries
        for bins in (entry.values["bins"],)
        for place, n in enumerate(bins["count"])
    ]
    return Figure(
        (
            Panel("Accuracy by confidence", _reliability(last)),
            Panel("Predictions by confidence", _shares(last)),
        ),
        "Confidence is the largest probability; means over networks, on the test images. Below the dashed diagonal a "
        f"network is overconfident, above it underconfident ({last.seeds()}).",
        last.palette.legend(last.arms),
        ("arm", "seed", "setting", "bin", "confidence", "accuracy", "predictions"),
        tuple(rows),
    )


def _means(entries: Sequence[DrawnRecord]) -> list[Bins]:
    """Return confidence, accuracy and share of predictions of every bin, without those of empty bins."""
    found: list[Bins] = []
    for entry in entries:
        bins = entry.values["bins"]
        total = sum(bins["count"])
        found.append(
            {
                "confidence": [
                    value if n else None for value, n in zip(bins["confidence"], bins["count"], strict=True)
                ],
                "accuracy": [value if n else None for value, n in zip(bins["accuracy"], bins["count"], strict=True)],
                "share": [100 * n / total for n in bins["count"]],
            }
        )
    return found


def _reliability(view: View) -> str:
    plot = Plot("Accuracy by confidence", (0.0, 1.0), (0.0, 1.0), "confidence", "accuracy", height=260)
    plot.line([(0, 0), (1, 1)], 7, "dash")
    for arm in view.arms:
        bins = _means(view.of(arm))
        points = list(
            zip(*(seed_means(found[name] for found in bins) for name in ("confidence", "accuracy")), strict=True)
        )
        plot.line(points, view.palette[arm])
        plot.marks(((x, y, f"{arm}: {quantity(y)} at {quantity(x)}") for x, y in points), view.palette[arm], size=2.6)
    return plot.render()


def _shares(view: View) -> str:
    shares = {arm: [found["share"] for found in _means(view.of(arm))] for arm in view.arms}
    every = [value for rows in shares.values() for row in rows for value in row]
    plot = Plot("Predictions by confidence", (0.0, 1.0), span(every, include=(0.0,)), "confidence", "predictions (%)")
    for arm, rows in shares.items():
        middle = [(place + 0.5) / len(rows[0]) for place in range(len(rows[0]))]
        curve(plot, view, arm, middle, rows)
    return plot.render()
