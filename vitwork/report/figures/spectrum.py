"""Spectra of top Hessian eigenvalues (Fig. 1c, 4, 6, 7b, 12c): densities for the eye, shares from the eigenvalues."""

from __future__ import annotations

import numpy as np

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Entry, Figure, Panel, Row, View
from vitwork.report.svg import LETTER, Plot, fitted
from vitwork.report.words import quantity

MOST_PANELS = 6
GRID = 140
NOTE = 13
"""Height of a line of text."""


def draw(view: View) -> Figure | None:
    """Return the densities of the pooled eigenvalues at every snapshot, and the paper's modes and shares."""
    panels = [
        Panel(f"Here{f', {given}' if given else ''}", _density(part)) for given, part in view.settings()[:MOST_PANELS]
    ]
    panels += [*_modes(view), *_shares(view)]
    return Figure(
        "Top eigenvalues of the Hessian on mini-batches",
        tuple(panels),
        "Densities are smoothed for the eye only, thin lines are single networks; the axis leaves out the outermost "
        f"1 % on either side; a network without BatchNorm is the same in either mode ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "setting", "batch", *(f"eigenvalue {place}" for place in range(1, _most(view) + 1))),
        _rows(view),
    )


def _rows(view: View) -> tuple[Row, ...]:
    return tuple(
        (entry.arm, entry.seed, view.setting(entry), batch, *values)
        for entry in view.entries
        for batch, values in enumerate(entry.values["eigenvalues"])
    )


def _most(view: View) -> int:
    return max(len(values) for entry in view.entries for values in entry.values["eigenvalues"])


def _pooled(entry: Entry) -> np.ndarray:
    values = [value for batch in entry.values["eigenvalues"] for value in batch if value is not None]
    return np.asarray(values, dtype=float)


def _density(view: View) -> str:
    pooled = {arm: [_pooled(entry) for entry in view.of(arm)] for arm in view.arms}
    every = np.concatenate([values for seeds in pooled.values() for values in seeds])
    low, high = np.quantile(every, (0.01, 0.99)) if every.size > 100 else (every.min(), every.max())
    interval = span((float(low), float(high)), include=(0.0,))
    grid = np.linspace(*interval, GRID)
    curves = {arm: [smooth(values, grid) for values in seeds if values.size] for arm, seeds in pooled.items()}
    means = {arm: np.mean(rows, axis=0) for arm, rows in curves.items() if rows}
    tallest = max(float(row.max()) for row in means.values())
    notes = NOTE * len(pooled)  # above the panel, where no curve is
    plot = Plot(
        "Density of top eigenvalues",
        interval,
        (0.0, tallest * 1.08),
        "eigenvalue",
        "density",
        height=220 + notes,
        margin=(46, 10 + notes, 10, 36),
    )
    plot.rule(x=0.0)
    for arm, row in means.items():
        for single in curves[arm]:
            plot.line(zip(grid, np.minimum(single, tallest * 1.08), strict=True), view.palette[arm], "thin")
        plot.line(zip(grid, row, strict=True), view.palette[arm])
    negative = {arm: 100 * float(np.mean(np.concatenate(seeds) < 0)) for arm, seeds in pooled.items()}
    for place, (arm, share) in enumerate(negative.items()):
        said = f": {quantity(share, 2)} % below 0"
        name = fitted(arm, plot.width - plot.margin[0] - 10 - LETTER * len(said))
        plot.text(plot.width - 10, 10 + NOTE * place, name + said, "end")
    return plot.render()


def smooth(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return a Gaussian kernel density of `values` on `grid`, with Silverman's bandwidth."""
    spread = min(float(values.std()), float(np.subtract(*np.quantile(values, (0.75, 0.25)))) / 1.34) or float(
        values.std()
    )
    width = max(0.9 * spread * values.size**-0.2, float(grid[1] - grid[0]))
    kernels = np.exp(-0.5 * ((grid[:, None] - values[None, :]) / width) ** 2)
    density: np.ndarray = kernels.sum(axis=1) / (values.size * width * np.sqrt(2 * np.pi))
    return density


def _modes(view: View) -> list[Panel]:
    """Return the paper's positive modes by epoch, for a claim that rests on Fig. 1c."""
    if not {"1c", "4"}.intersection(view.figures):
        return []
    every = [value for values in paper_values.SPECTRAL_MODES.values() for value in values]
    plot = Plot(
        "The paper's positive modes", (-8, 310), span(every, include=(0.0,)), "epoch", "mode of positive eigenvalues"
    )
    for arm, values in paper_values.SPECTRAL_MODES.items():
        points = list(zip(paper_values.MODE_EPOCHS, values, strict=True))
        plot.line(points, view.palette[arm])
        plot.marks(((x, y, f"{paper_values.NETWORKS[arm]}: {y}") for x, y in points), view.palette[arm])
    return [Panel("ResNet-50 and ViT-Ti, n = 1 each", plot.render(), "paper")]


def _shares(view: View) -> list[Panel]:
    """Return the paper's sharpness against its share of negative eigenvalues after warm-up."""
    panels = []
    for figure in view.figures:
        if numbers := paper_values.NEP_APE.get(figure):
            nep, ape = zip(*numbers.values(), strict=True)
            plot = Plot(
                f"The paper's Fig. {figure} after warm-up",
                (-0.06 * max(nep), 1.35 * max(nep)),
                (0.0, 1.2 * max(ape)),
                "negative eigenvalues, NEP (%)",
                "mean positive, APE",
            )
            for arm, (x, y) in numbers.items():
                network, _, rest = arm.partition(",")
                name = paper_values.NETWORKS[network] + (f",{rest}" if rest else "")
                plot.marks([(x, y, name)], view.palette[network], "hollow" if rest else "mark", 4)
                plot.tag(x, y, name)
            panels.append(Panel(f"Fig. {figure} after warm-up, n = 1 each", plot.render(), "paper"))
    return panels
