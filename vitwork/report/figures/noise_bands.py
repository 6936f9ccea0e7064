"""Noise in bands of spatial frequency: what each band costs in accuracy (Fig. 2b)."""

from __future__ import annotations

from itertools import chain

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Figure, Panel, View, known
from vitwork.report.figures.points import NOTE, PAPER, curve, theirs
from vitwork.report.svg import Plot


def draw(view: View) -> Figure | None:
    """Return the change of accuracy by band, with the paper's."""
    part = view.plain().last()
    changes = {
        arm: [[100 * y for y in entry.values["accuracy_change"]] for entry in part.of(arm)] for arm in part.layers
    }
    bands = {arm: part.of(arm)[0].values["frequencies"] for arm in part.arms}
    paper = known(part, paper_values.NOISE_BANDS)
    plot = Plot(
        "Change of accuracy by band",
        span((band for row in bands.values() for band in row), include=(0.1, 0.9) if paper else ()),
        span([y for row in chain(*changes.values(), paper.values()) for y in row], include=(0.0,)),
        "frequency of the noise (π)",
        "change of accuracy (pp)",
        height=250,
    )
    plot.rule(y=0.0)
    for arm, rows in changes.items():
        curve(plot, part, arm, bands[arm], rows)
    for arm, values in paper.items():
        theirs(plot, part, arm, [(place / 10, value) for place, value in enumerate(values, start=1)])
    table = [
        (entry.arm, entry.seed, entry.parameters.get("power"), frequency, 100 * change)
        for entry in view.entries
        for frequency, change in zip(entry.values["frequencies"], entry.values["accuracy_change"], strict=False)
    ]
    return Figure(
        (Panel("Accuracy lost to noise of one band", plot.render()),),
        NOTE.format(part.seeds()) + (PAPER + " The strength of its noise is not known." if paper else ""),
        part.palette.legend(part.arms),
        ("arm", "seed", "power", "frequency (π)", "change of accuracy (pp)"),
        tuple(table),
    )
