"""Quantities by depth, blocks from stem to head: log amplitude (Fig. 2a, 8), variance (Fig. 9), and others alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

from vitwork.report import paper_values
from vitwork.report.axis import span
from vitwork.report.figures.base import Figure, Json, Palette, Panel, Row, View, columns
from vitwork.report.svg import Plot
from vitwork.report.words import quantity

Values = Callable[[Json], Sequence[float | None]]
Curve = tuple[str, Sequence[str], Sequence[Sequence[float | None]]]  # arm, kinds of the blocks, values by seed


def log_amplitude(view: View) -> Figure | None:
    """Return Δ log amplitude at the highest frequency by depth, and by frequency for every block."""
    ylabel = "Δ log amplitude, highest freq."
    drawn = panels(view, lambda values: [row[-1] if row else None for row in values["delta"]], ylabel)
    drawn += [by_frequency(view, arm, "delta", "Δ log amplitude") for arm in view.arms]
    drawn += _paper(view, paper_values.LOG_AMPLITUDE, ylabel)
    rows = [
        (entry["arm"], entry["seed"], entry["parameters"].get("when"), block, kind, frequency, delta)
        for entry in view.entries
        for block, kind, frequencies, row in _rows(entry["values"])
        for frequency, delta in zip(frequencies, row, strict=False)
    ]
    return Figure(
        "Log amplitude of feature maps by depth",
        tuple(drawn),
        f"Filled marks follow an MSA, hollow ones any other block; thin lines are single networks ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "when", "block", "kind", "frequency (π)", "delta log amplitude"),
        tuple(rows),
    )


def variance(view: View) -> Figure | None:
    """Return the spatial variance of feature maps by depth."""
    drawn = panels(view, itemgetter("variance"), "feature map variance")
    drawn += _paper(view, paper_values.VARIANCE, "feature map variance")
    return Figure(
        "Variance of feature maps by depth",
        tuple(drawn),
        f"Filled marks follow an MSA, hollow ones any other block; thin lines are single networks ({view.seeds()}).",
        view.palette.legend(view.arms),
        ("arm", "seed", "when", "block", "kind", "variance"),
        _table(view, itemgetter("variance")),
    )


def _table(view: View, values: Values) -> tuple[Row, ...]:
    return tuple(
        (entry["arm"], entry["seed"], entry["parameters"].get("when"), block, kind, value)
        for entry in view.entries
        for block, kind, value in zip(
            entry["values"]["blocks"], _kinds(entry["values"]), values(entry["values"]), strict=False
        )
    )


def _rows(values: Json) -> Iterable[tuple[str, str, Sequence[float], Sequence[float]]]:
    return zip(values["blocks"], _kinds(values), frequencies(values), values["delta"], strict=False)


def frequencies(values: Json, name: str = "delta") -> list[Sequence[float]]:
    """Return the frequencies at which `name` is known for every block; older records hold one list for all blocks."""
    found = values["frequencies"]
    return list(found) if found and isinstance(found[0], (list, tuple)) else [found] * len(values[name])


def _kinds(values: Json) -> Sequence[str]:
    return list(values.get("kinds") or ["msa"] * len(values["blocks"]))


def panels(view: View, values: Values, ylabel: str) -> list[Panel]:
    """Return what `values` takes of every record, by depth; a panel for each setting of the measurement."""
    drawn = []
    for given, part in view.settings():
        curves = [
            (arm, _kinds(part.of(arm)[0]["values"]), [list(values(entry["values"])) for entry in part.of(arm)])
            for arm in part.arms
        ]
        title = ylabel.partition(" (")[0]
        drawn.append(Panel(f"{title}{f', {given}' if given else ''}", _plot(curves, ylabel, view.palette)))
    return drawn


def _paper(view: View, numbers: Mapping[str, Sequence[float]], ylabel: str) -> list[Panel]:
    families = {arm.split("-")[0] for arm in view.arms}
    curves: list[Curve] = [
        (arm, paper_values.KINDS[arm], [values]) for arm, values in numbers.items() if arm in families
    ]
    if not curves:
        return []
    names = " and ".join(paper_values.NETWORKS[arm] for arm, _, _ in curves)
    return [Panel(f"{names}, n = 1 each", _plot(curves, ylabel, view.palette), "paper")]


def _plot(curves: Sequence[Curve], ylabel: str, palette: Palette) -> str:
    every = [value for _, _, seeds in curves for row in seeds for value in row]
    plot = Plot(f"{ylabel} by depth", (-0.03, 1.03), span(every), "normalised depth", ylabel)
    for arm, kinds, seeds in curves:
        depth = [place / max(1, len(kinds) - 1) for place in range(len(kinds))]
        if len(seeds) > 1:
            for row in seeds:
                plot.line(zip(depth, row, strict=False), palette[arm], "thin")
        middle = columns(seeds)
        plot.line(zip(depth, middle, strict=False), palette[arm])
        for filled in (False, True):
            points = [
                (x, y, f"{arm}, {kind}: {quantity(y)}")
                for x, y, kind in zip(depth, middle, kinds, strict=False)
                if (kind == "msa") is filled
            ]
            plot.marks(points, palette[arm], "mark" if filled else "hollow", 2.8)
    return plot.render()


def by_frequency(view: View, arm: str, name: str, ylabel: str) -> Panel:
    """Return one line per block, pale near the input and strong near the output, of the last snapshot (Fig. 2a)."""
    given, part = view.settings()[-1]
    entries = part.of(arm) or view.of(arm)
    blocks = [columns(rows) for rows in zip(*(entry["values"][name] for entry in entries), strict=False)]
    x = frequencies(entries[0]["values"], name)
    plot = Plot(
        f"{ylabel} by frequency, {arm}",
        span((value for row in x for value in row), pad=0.02, include=(0.0, 1.0)),
        span(value for row in blocks for value in row),
        "frequency (π)",
        ylabel,
    )
    for place, points in enumerate(zip(x, blocks, strict=False)):
        plot.line(zip(*points, strict=False), view.palette[arm], opacity=0.2 + 0.8 * (place + 1) / len(blocks))
    return Panel(f"{arm}{f', {given}' if given else ''}: from input (pale) to output", plot.render())
