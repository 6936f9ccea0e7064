"""Every seed as a point, and the effect with its interval: how a hypothesis was decided."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from vitwork.facts.claims import Hypothesis, Sample
from vitwork.language.structured import INTERACTION
from vitwork.report.axis import LARGEST, Scale, excessive, number, span
from vitwork.report.figures.base import Palette, finite_mean
from vitwork.report.svg import LETTER, SERIES, Plot, fitted, mark
from vitwork.report.words import effect_unit, factor, marked, quantity, shown
from vitwork.statistics.effect import Effect, Test

ROW = 26.0
ROW_OF_ONE_ARM = 40.0
"""Where rows are of one arm, their names are sentences, which stand above the points."""
MOST_NAME = 190.0
"""Pixels that names of arms take at most, so that their points have room."""
AXES = {"log-ratio": "ratio of geometric means", "difference": "difference of means", "slope": "change of the mean"}
SIDE, BAND = "claim’s side", "±"
"""What stands on that side of a margin, and in place of the margin of a claim of no difference."""
INTERACTION_AXES = {"log-ratio": "ratio of ratios of geometric means", "slope": "difference of differences of means"}


def seeds(hypothesis: Hypothesis, palette: Palette) -> str:
    """Return a strip of points per arm, one point per seed, with a bar at the mean (geometric for ratios)."""
    samples = [side for side in hypothesis.sides if isinstance(side, Sample)]
    constants = [side.value for side in hypothesis.sides if not isinstance(side, Sample)]
    every = [value for side in samples for value in side.values if value is not None]
    values = [value for value in every if _drawable(value)]
    if not values:
        return ""
    log = factor(hypothesis.effect.scale) and min(values) > 0
    unit = f" ({hypothesis.unit})" if hypothesis.unit else ""
    names = [side.arm for side in samples]
    one_arm = len(set(names)) < len(names)
    plot = Plot(
        f"{hypothesis.quantity}{unit} of every seed: {hypothesis.statement}",
        span(values, log=log, include=constants),
        (-0.5, len(samples) - 0.5),
        f"{hypothesis.quantity}{unit}, one point per network{_beyond(every)}",
        log_x=log,
        height=46 + (ROW_OF_ONE_ARM if one_arm else ROW) * len(samples),
        margin=(14 if one_arm else min(MOST_NAME, max(96, 10 + LETTER * max(map(len, names)))), 4, 10, 36),
    )
    for place, side in enumerate(samples):
        row = len(samples) - 1 - place
        if one_arm:
            plot.text(plot.margin[0], plot.sy(row) - 12, _unshifted(side.label), "start", "row")
        else:
            plot.text(plot.margin[0] - 6, plot.sy(row) + 3.5, fitted(side.arm, plot.margin[0] - 6), "end", "row")
        _strip(plot, side, row, palette[side.arm], log=log)
    for constant in constants:
        plot.rule(x=constant, kind="dashrule")
    return plot.render(grid=False)


def _unshifted(label: str) -> str:
    """Return the name of a side without the margin that a sentence puts on it, which its values do not have."""
    return re.sub(r"^\S+ · |(?<=\)) [+−] \S+$", "", label)


def _beyond(values: Sequence[float]) -> str:
    """Return how many values are too large to be drawn, for the name of the axis."""
    count = sum(map(excessive, values))
    return f"; {count} beyond {LARGEST:g} left out" if count else ""


def _drawable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and not excessive(value)


def _strip(plot: Plot, side: Sample, row: float, series: int, *, log: bool) -> None:
    drawn = [value if _drawable(value) else None for value in side.values]
    finite = [value for value in drawn if value is not None]
    centre = finite_mean([math.log(value) if log else value for value in finite])
    if centre is not None:
        at = math.exp(centre) if log else centre
        top = plot.sy(row) - 8
        plot.parts.append(f'<path class="mean s{series % SERIES}" d="M{number(plot.sx(at))} {number(top)}v16"/>')
    tips = [
        f"{side.arm}, seed {seed}: {quantity(value, 4)}" for seed, value in zip(side.seeds, side.values, strict=False)
    ]
    plot.marks(((value, row, tip) for value, tip in zip(drawn, tips, strict=False)), series)


def interval(hypothesis: Hypothesis, paper: float | None = None) -> str:
    """Return the effect with the interval that decides against the margin; empty when there is no estimate.

    Args:
        hypothesis: what was compared.
        paper: the paper's effect as it is shown (a factor, or a difference), drawn as a hollow mark.
    """
    found = hypothesis.effect
    estimate, low, high, margin = (
        shown(value, found.scale) for value in (found.estimate, *found.deciding, found.margin)
    )
    if estimate is None or margin is None or excessive([estimate, margin]):
        return ""  # the numbers stand in words
    low, high, paper = (None if excessive(value) else value for value in (low, high, paper))
    log = factor(found.scale)
    band = _band(hypothesis, margin, log=log)
    unit = f" ({unit})" if (unit := effect_unit(hypothesis.unit, found)) else ""
    plot = Plot(
        f"Effect and interval of {hypothesis.statement}: {quantity(estimate)} from {quantity(low)} to {quantity(high)}",
        span([value for value in (estimate, low, high, paper, *band) if value is not None], pad=0.15, log=log),
        (-1.0, 1.0),
        f"{_axis(hypothesis)}{unit}",
        log_x=log,
        height=72 + ROW / 2,
        margin=(14, 18, 14, 36),
    )
    for edge in band:
        plot.rule(x=edge, kind="dashrule")
    if len(band) == 2:
        plot.text((plot.sx(band[0]) + plot.sx(band[1])) / 2, 12, SIDE, "middle")
    elif found.alternative != "two-sided":
        _name_side(plot, plot.sx(margin), below=found.alternative == "less")
    left, right = (plot.x[0] if low is None else low), (plot.x[1] if high is None else high)
    line, y = f"M{number(plot.sx(left))} {number(plot.sy(0))}H{number(plot.sx(right))}", plot.sy(0)
    plot.parts.append(f'<path class="interval {_kind(found)}" d="{line}"/>')
    plot.parts.append(f'<path class="estimate {_kind(found)}" d="{mark(plot.sx(estimate), y, 3, 4.5)}"/>')
    if paper is not None:
        plot.marks([(paper, 0.0, f"in the paper: {quantity(paper)}")], 0, "other", 4)
        plot.text(plot.sx(paper), y - 8, "paper", "middle")
    return plot.render(grid=False)


def _axis(hypothesis: Hypothesis) -> str:
    found = hypothesis.effect
    if found.test is Test.RANKS:
        return "rank correlation"
    if hypothesis.levels == INTERACTION and found.scale in INTERACTION_AXES:
        return INTERACTION_AXES[found.scale]
    step = " per level" if hypothesis.form == "trend" and hypothesis.levels is not None else ""
    return f"{AXES.get(found.scale, found.scale)}{step}"


def _name_side(plot: Plot, at: float, *, below: bool) -> None:
    """Write which side of the margin, at a pixel, is the claim's."""
    words = f"← {SIDE}" if below else f"{SIDE} →"
    inside = plot.margin[0] + 70 < at if below else at < plot.width - plot.margin[2] - 70
    anchor = ("end" if below else "start") if inside else "middle"
    plot.text(at + ((-5 if below else 5) if inside else 0), 12, words, anchor)


def _kind(found: Effect) -> str:
    """Return the class of the style sheet for an effect's verdict."""
    return f"v-{found.verdict.replace(' ', '-')}"


def _band(hypothesis: Hypothesis, margin: float, *, log: bool) -> list[float]:
    """Return what separates the sides: the margin, or both edges of the band of a claim of no difference."""
    within = hypothesis.within
    if within is None:
        return [margin]
    return [margin / within, margin * within] if log else [margin - within, margin + within]


def tiny(effects: Sequence[Effect], width: float = 96) -> str:
    """Return small intervals one below the other, each in units of its own reach, the claim's side on the right.

    The margin is written below its line, and all of them in order where they differ.
    """
    rows = [found for found in effects if math.isfinite(found.estimate)][:6]
    if not rows:
        return ""
    step, middle = 7.0, width / 2
    foot = step * len(rows) + 3
    margins = [marked(found.margin, found.scale) if found.band is None else BAND for found in rows]
    parts = [f'<path class="zero" d="M{number(middle)} 0V{number(foot)}"/>']
    if (named := ", ".join(margins if len(set(margins)) > 1 else margins[:1])) != BAND:
        at = max(middle, LETTER * len(named) / 2)
        parts.append(f'<text x="{number(at)}" y="{number(foot + 10)}" text-anchor="middle">{named}</text>')
    parts.append(f'<text class="side" x="{number(width + 4)}" y="{number(foot / 2 + 4)}">{SIDE} →</text>')
    for place, found in enumerate(rows):
        parts += _tiny_row(found, step * place + 5, middle)
    return _small(parts, width + 90, foot + (7 if named == BAND else 13))


def _tiny_row(found: Effect, y: float, middle: float) -> list[str]:
    flip, (low, high) = -1.0 if found.alternative == "less" else 1.0, found.deciding
    offsets = [flip * (value - found.margin) for value in (low, found.estimate, high)]
    reach = max((abs(offset) for offset in offsets if math.isfinite(offset)), default=0.0) or 1.0
    places = sorted(max(-1.0, min(1.0, offset / reach)) for offset in offsets)  # the estimate lies between the ends
    left, at, right = (number(middle + (middle - 3) * part) for part in places)
    return [
        f'<path class="interval {_kind(found)}" d="M{left} {number(y)}H{right}"/>',
        f'<circle class="estimate {_kind(found)}" cx="{at}" cy="{number(y)}" r="2.4"/>',
    ]


def _small(parts: Sequence[str], width: float, height: float) -> str:
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    return f'<svg class="tiny" {size} aria-hidden="true">{"".join(parts)}</svg>'


def pair(old: Effect | None, new: Effect | None, width: float = 200) -> str:
    """Return two intervals on one axis, the earlier one above, with the margin of the later; empty without estimates."""
    sides = [found if found and math.isfinite(found.estimate) else None for found in (old, new)]
    known = [found for found in sides if found]
    if not known:
        return ""
    margin = known[-1].margin
    low, high = span([margin, *(value for found in known for value in (*found.deciding, found.estimate))])
    scale = Scale(low, high, 3, width - 3)
    parts = [f'<path class="dashrule" d="M{number(scale(margin))} 0V28"/>']
    for y, found in zip((8, 20), sides, strict=True):
        if found:
            left, right = (number(scale(min(high, max(low, end)))) for end in found.deciding)
            parts.append(f'<path class="interval {_kind(found)}" d="M{left} {y}H{right}"/>')
            parts.append(
                f'<circle class="estimate {_kind(found)}" cx="{number(scale(found.estimate))}" cy="{y}" r="3"/>'
            )
    return _small(parts, width, 28)
