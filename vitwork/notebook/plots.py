"""Figures of loaded results with matplotlib, which is imported when a figure is drawn."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from vitwork.notebook.comparison import Comparison
    from vitwork.notebook.loaded import Loaded, LoadedClaim

COLOURS = {
    str(Verdict.REPRODUCED): "#1a7f5a",
    str(Verdict.CONTRADICTED): "#b3261e",
    str(Verdict.INCONCLUSIVE): "#8a6d00",
    str(Verdict.NOT_MEASURED): "#777777",
}
ROW = 0.22
"""Height of a line of text in inches."""


class NotebookFigure(Figure):
    """A figure that a notebook shows without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def overview(loaded: Loaded) -> Figure:
    """Draw p of every measured claim, grouped by verdict; the line is the level after correction over all claims."""
    found = loaded.claims.dropna(subset=["p"]).sort_values("p", ascending=False)
    figure = NotebookFigure(figsize=(8, max(2.0, ROW * len(found) + 1)), layout="constrained")
    axes = figure.subplots()
    for verdict, colour in COLOURS.items():
        rows = np.flatnonzero(found["verdict"] == verdict)
        axes.plot(found["p"].iloc[rows], rows, "o", color=colour, label=verdict if len(rows) else None)
    axes.set_yticks(range(len(found)), found.index, fontsize=8)
    axes.set_xscale("log")
    axes.axvline(loaded.results.alpha, color="#777777", linewidth=0.8, linestyle=":")
    axes.set_xlabel(
        f"p of the claim at profile {loaded.results.profile.name}; dotted: {loaded.results.alpha:g} before correction"
    )
    if len(found):
        axes.legend(loc="best", fontsize=8)
    return figure


def samples(claim: LoadedClaim) -> Figure:
    """Draw every trained network's value, with a row of axes per hypothesis and a column of points per arm."""
    hypotheses = claim.hypotheses
    if hypotheses.empty:
        raise VitworkError(f"The claim {claim.id} has no hypotheses to draw: {claim.verdict}.")
    figure = NotebookFigure(figsize=(6, 2.4 * len(hypotheses)), layout="constrained")
    values = claim.values  # noqa: PD011 - no frame
    for axes, (id, hypothesis) in zip(
        np.ravel(figure.subplots(len(hypotheses), squeeze=False)), hypotheses.iterrows(), strict=True
    ):
        own = values[values["hypothesis"] == id]
        labels = list(dict.fromkeys(own["label"]))
        for place, label in enumerate(labels):
            drawn = own[own["label"] == label]
            axes.plot([place] * len(drawn), drawn["value"], "o", color=COLOURS[hypothesis["verdict"]], alpha=0.7)
            axes.plot([place - 0.2, place + 0.2], [drawn["value"].mean()] * 2, color="black", linewidth=1)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylabel(
            " ".join(filter(None, [hypothesis["quantity"], f"({hypothesis['unit']})" if hypothesis["unit"] else ""])),
            fontsize=8,
        )
        axes.set_title(
            "\n".join(filter(None, [f"{hypothesis['verdict']}: {hypothesis['statement']}", _told(hypothesis)])),
            fontsize=9,
        )
    return figure


def _told(hypothesis: pd.Series) -> str:
    """Return the text that distinguishes a hypothesis from others of its sentence: its control and test parameters."""
    control = hypothesis["control"]
    given = hypothesis.filter(like="parameter.").dropna()
    said = [f"{name.removeprefix('parameter.')} {value}" for name, value in given.items() if value != control]
    return ", ".join([*([f"control: {control}"] if control else []), *said])


def against(comparison: Comparison) -> Figure:
    """Draw new effects against earlier ones, with their intervals, each in units of its earlier half-width."""
    found = comparison.hypotheses.dropna()
    figure = NotebookFigure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    unit = (found["before", "high"] - found["before", "low"]) / 2
    known = np.isfinite(unit) & (unit > 0) & np.isfinite(found["now", "high"] - found["now", "low"])
    found, unit = found[known], unit[known]
    before, now = (found[side, "estimate"] / unit for side in ("before", "now"))
    low, high = (found["now", end] / unit for end in ("low", "high"))
    axes.errorbar(before, now, yerr=[now - low, high - now], fmt="o", markersize=3, linewidth=0.8, color="#1a4f7f")
    if len(found):
        ends = [min(before.min(), now.min()), max(before.max(), now.max())]
        axes.plot(ends, ends, color="#777777", linewidth=0.8)
    axes.set_xlabel("effect before, in half-widths of its interval")
    axes.set_ylabel("effect now, in the same unit")
    return figure
