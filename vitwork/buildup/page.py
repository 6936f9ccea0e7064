"""The HTML page of a search: its path as in the paper's Fig. 12a, beside the paper's own, and the final network."""

from __future__ import annotations

import math

from vitwork.buildup.networks import Msas, named
from vitwork.buildup.outcome import SearchOutcome, blocks
from vitwork.buildup.rule import Ruling, mean_interval
from vitwork.facts.document import MeasurementResult
from vitwork.report import paper_values, words
from vitwork.report.axis import span
from vitwork.report.figure_page import sheet
from vitwork.report.figures import structure
from vitwork.report.figures.base import Figure, Panel
from vitwork.report.svg import Plot

XLABEL = "number of MSA blocks"


def page(found: SearchOutcome) -> bytes:
    """Return the page of a search, so far or at its end."""
    return sheet(
        "buildup.html.j2",
        {"Accuracy along the path": _path(found)} if found.configurations else {},
        answer=found.answer,
        declared=found.declared,
        model=found.name,
        profile=found.profile,
        cost=found.cost,
        call=found.call,
        diagram=_diagram(found),
        steps=[found.line(step) for step in found.steps],
    )


def _diagram(found: SearchOutcome) -> str:
    """Return the network's blocks as a strip."""
    rows = [(stage, "msa" if is_msa else "conv") for stage, row in enumerate(blocks(found.msas, found.network.depths), 1)
            for is_msa in row]  # fmt: skip
    values = {
        "blocks": [f"block {place}" for place in range(len(rows))],
        "stages": [stage for stage, _ in rows],
        "kinds": [kind for _, kind in rows],
        "downsamples": [place > 0 and stage != rows[place - 1][0] for place, (stage, _) in enumerate(rows)],
    }
    drawn = MeasurementResult(
        key="", run="", arm=found.name, seed=0, name="", figure="", parameters={}, seconds=None, joules=None,
        values=values,
    )  # fmt: skip
    return structure.draw(found.name, [drawn])


def _path(found: SearchOutcome) -> Figure:
    rows = tuple(
        (named(msas, found.network.depths), sum(msas), _kept(found, msas), seed, accuracy)
        for msas, one in found.configurations.items()
        for seed, accuracy in enumerate(one.accuracies)
    )
    return Figure(
        (
            Panel("Ours: mean over networks with its 95 % interval; pale: single networks", _ours(found)),
            Panel("The paper's Fig. 12a, CIFAR-100, n = 1 each, test images; hollow: rejected", _published()),
        ),
        "Filled blocks were kept, hollow ones were not. Means are over all networks that were trained; a ruling is that of the first "
        "seeds that decided, so that later ones may move a mean past it. The kept ones were chosen by these very numbers, so that the path's "
        "end is flattered; what decides is the sequential test in the steps below.",
        header=("blocks", "msas", "kept", "seed", "validation accuracy (%)"),
        rows=rows,
    )


def _kept(found: SearchOutcome, msas: Msas) -> bool:
    return not any(msas) or any(step.tried == msas and step.found.ruling is Ruling.KEPT for step in found.steps)


def _ours(found: SearchOutcome) -> str:
    """Return a plot of accuracy against the number of MSA blocks, with the kept steps joined by a line."""
    means = {msas: mean_interval(one.accuracies) for msas, one in found.configurations.items()}
    every = [edge for mean, low, high in means.values() for edge in (mean, low, high) if math.isfinite(edge)]
    every += [value for one in found.configurations.values() for value in one.accuracies if math.isfinite(value)]
    most = max(sum(msas) for msas in means)
    plot = Plot("Our build-up path", (-0.5, most + 0.9), span(every), XLABEL, "validation accuracy (%)", height=260)
    plot.line([(sum(msas), mean) for msas, (mean, _, _) in means.items() if _kept(found, msas)], 0)
    beside: dict[int, int] = {}
    for msas, (mean, low, high) in means.items():
        place = sum(msas) + 0.22 * beside.setdefault(sum(msas), 0)
        beside[sum(msas)] += 1
        name = named(msas, found.network.depths)
        plot.line([(place, low), (place, high)], 0)
        plot.marks([(place - 0.07, value, f"{name}, seed {seed}: {words.quantity(value, 4)} %")
                    for seed, value in enumerate(found.configurations[msas].accuracies)], 0, "faint", 2.2)  # fmt: skip
        plot.marks(
            [(place, mean, f"{name}: {words.quantity(mean, 4)} %")], 0, "mark" if _kept(found, msas) else "hollow"
        )
        plot.tag(place, mean, name)
    return plot.render(xticks=[(count, str(count)) for count in range(most + 1)])


def _published() -> str:
    """Return a plot of the paper's path."""
    steps = paper_values.BUILD_UP
    plot = Plot("The paper's build-up path", (-0.4, 5.9), span([step[2] for step in steps]), XLABEL, "test accuracy (%)", height=260)  # fmt: skip
    plot.line([(step[0], step[2]) for step in steps if step[3]], 0)
    for place, name, value, kept in steps:
        plot.marks([(place, value, f"{name}: {value} %")], 0, "mark" if kept else "hollow")
        plot.tag(place, value, name)
    return plot.render()
