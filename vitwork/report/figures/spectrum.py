"""Top Hessian eigenvalues: over training (Fig. 1c), and sharpness against non-convexity (Fig. 4, 6, 7b, 12c, C.*, F.1b)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import DrawnRecord, Figure, Panel, Point, Row, View, finite_mean, known
from vitwork.report.figures.evaluation import explained
from vitwork.report.figures.points import NOTE, PAPER, clouds, curve, theirs
from vitwork.report.svg import Plot
from vitwork.report.words import quantity, snapshot

GRID = 140
PLACES = {"warmup": 0.0, "end": 1.0}
"""Where moments of training stand between warm-up and the end; the paper's are epochs 5, 100, 200 and 300."""
TICKS = ((0.0, "warm-up"), (1 / 3, "⅓"), (2 / 3, "⅔"), (1.0, "end"))


def over_time(view: View) -> Figure | None:
    """Return mode and share of negatives over training with the paper's, and the densities at every moment."""
    part = view.plain()
    modes = known(part, paper_values.SPECTRAL_MODES)
    shares = {arm: pair[0] for arm, pair in known(part, paper_values.NEP_APE["1c"]).items()}
    panels = [
        _course(part, mode, "mode of the positive eigenvalues",
                {arm: list(zip(paper_values.MODE_PARTS, values, strict=True)) for arm, values in modes.items()}, log=True),
        _course(part, _negative, "negative eigenvalues, NEP (%)",
                {arm: [(0.0, value)] for arm, value in shares.items()}),
        *(Panel(f"Density {snapshot(when)}", _density(part.at(when))) for when in part.moments()),
    ]  # fmt: skip
    note = f"{NOTE.format(part.seeds())}{PAPER if modes else ''} Densities are smoothed for the eye only."
    return _figure(view, part, tuple(panels), note)


def plane(view: View) -> Figure | None:
    """Return sharpness (APE) against non-convexity (NEP) after warm-up, or at the first moment there is, with the paper's."""
    plain = view.plain()
    moments = plain.moments()
    when = "warmup" if "warmup" in moments else moments[0]
    part = plain.at(when)
    ours = {arm: [(_negative(e), _ape(e), f"{arm}, seed {e.seed}") for e in part.of(arm)] for arm in part.arms}
    paper: dict[str, list[Point]] = {}
    for network, pair in paper_values.NEP_APE.get(view.number, {}).items():
        arm, _, rest = network.partition(",")
        name = paper_values.NETWORKS[arm] + (f",{rest}" if rest else "")
        paper.setdefault(arm, []).append((*pair, name))
    labels = ("negative eigenvalues, NEP (%)", "mean positive eigenvalue, APE")
    tail = " Hollow marks are the paper’s, of one network each." if paper else ""
    heading = f"Sharpness against non-convexity {snapshot(when)}"
    panels = clouds(heading, labels, ours, part.palette, paper, log=True)
    return _figure(view, part, panels, explained(part) + tail)


def _figure(view: View, part: View, panels: tuple[Panel, ...], note: str) -> Figure:
    most = max(len(values) for entry in view.entries for values in entry.values["eigenvalues"])
    rows: list[Row] = [
        (entry.arm, entry.seed, view.setting(entry), batch, *values)
        for entry in view.entries
        for batch, values in enumerate(entry.values["eigenvalues"])
    ]
    header = ("arm", "seed", "setting", "batch", *(f"eigenvalue {place}" for place in range(1, most + 1)))
    return Figure(panels, note, part.palette.legend(part.arms), header, tuple(rows))


def _pooled(entry: DrawnRecord) -> np.ndarray:
    values = [value for batch in entry.values["eigenvalues"] for value in batch if value is not None]
    return np.asarray(values, dtype=float)


def _negative(entry: DrawnRecord) -> float | None:
    values = _pooled(entry)
    return 100.0 * float(np.mean(values < 0)) if values.size else None


def _ape(entry: DrawnRecord) -> float | None:
    values = _pooled(entry)
    return float(values[values > 0].mean()) if (values > 0).any() else None


def mode(entry: DrawnRecord) -> float | None:
    """Return where the density of a network's positive eigenvalues is highest; None without any."""
    values = _pooled(entry)
    values = values[values > 0]
    if values.size < 2 or not np.ptp(values):
        return float(values[0]) if values.size else None
    grid = np.linspace(values.min(), values.max(), GRID)
    return float(grid[smooth(values, grid).argmax()])


def _course(
    view: View,
    value: Callable[[DrawnRecord], float | None],
    ylabel: str,
    paper: dict[str, list[tuple[float, float]]],
    *,
    log: bool = False,
) -> Panel:
    """Return a number per network over the training."""
    moments = [when for when in view.moments() if when in PLACES]
    rows = {
        arm: [[value(found[when]) if when in found else None for when in moments] for found in _by_seed(view, arm)]
        for arm in view.layers
    }
    every = [y for seeds in rows.values() for row in seeds for y in row]
    every += [y for points in paper.values() for _, y in points]
    plot = Plot(
        f"{ylabel} over training", (-0.06, 1.06), span(every, log=log, include=() if log else (0.0,)),
        "moment of training", ylabel, log_y=log, height=250,
    )  # fmt: skip
    for arm, seeds in rows.items():
        curve(plot, view, arm, [PLACES[str(when)] for when in moments], seeds)
    for arm, points in paper.items():
        theirs(plot, view, arm, points)
    return Panel(ylabel[:1].upper() + ylabel[1:], plot.render(xticks=TICKS))


def _by_seed(view: View, arm: str) -> list[dict[str | int, DrawnRecord]]:
    """Return the records of every network by moment."""
    found: dict[int, dict[str | int, DrawnRecord]] = {}
    for entry in view.of(arm):
        found.setdefault(entry.seed, {})[entry.parameters.get("when", "end")] = entry
    return list(found.values())


def _density(view: View) -> str:
    pooled = {arm: [_pooled(entry) for entry in view.of(arm)] for arm in view.arms}
    every = np.concatenate([values for seeds in pooled.values() for values in seeds])
    low, high = np.quantile(every, (0.01, 0.99)) if every.size > 100 else (every.min(), every.max())
    interval = span((float(low), float(high)), include=(0.0,))
    grid = np.linspace(*interval, GRID)
    curves = {arm: [smooth(values, grid) for values in seeds if values.size] for arm, seeds in pooled.items()}
    means = {arm: np.mean(rows, axis=0) for arm, rows in curves.items() if rows}
    tallest = 1.08 * max(float(row.max()) for row in means.values())
    plot = Plot("Density of top eigenvalues", interval, (0.0, tallest), "eigenvalue", "density", height=250)
    plot.rule(x=0.0)
    for arm, row in means.items():
        for single in curves[arm]:
            plot.line(zip(grid, np.minimum(single, tallest), strict=True), view.palette[arm], "thin")
        plot.line(zip(grid, row, strict=True), view.palette[arm])
    for place, arm in enumerate(means):
        share = finite_mean(_negative(entry) for entry in view.of(arm))
        plot.text(plot.width - 12, 20 + 13 * place, f"{arm}: {quantity(share, 2)} % below 0", "end")
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
