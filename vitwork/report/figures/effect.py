"""Every seed as a point, and the effect with its interval: how a hypothesis was decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from vitwork.report.axis import Scale, number, span
from vitwork.report.figures.base import Json, Palette, mean
from vitwork.report.svg import LETTER, Plot, fitted, mark
from vitwork.report.terminal import effect_unit
from vitwork.report.words import factor, quantity, shown, sides

ROW = 26.0
ROW_OF_ONE_ARM = 40.0
"""Where rows are of one arm, their names are sentences, which stand above the points."""


def seeds(hypothesis: Json, palette: Palette) -> str:
    """Return a strip of points per arm, one point per seed, with a bar at the mean (geometric for ratios)."""
    scale = str((hypothesis["effect"] or {}).get("scale", "difference"))
    every = sides(hypothesis)
    arms = [side for side in every if "constant" not in side]
    constants = [float(side["constant"]) for side in every if "constant" in side]
    values = [value for side in arms for value in side["values"] if value is not None]
    if not values:
        return ""
    log = factor(scale) and min(values) > 0
    unit = f" ({hypothesis['unit']})" if hypothesis.get("unit") else ""
    names = [str(side["arm"]) for side in arms]
    one_arm = len(set(names)) < len(names)
    plot = Plot(
        f"{hypothesis['quantity']}{unit} of every seed: {hypothesis['statement']}",
        span(values, log=log, include=constants),
        (-0.5, len(arms) - 0.5),
        f"{hypothesis['quantity']}{unit}, one point per network",
        log_x=log,
        height=46 + (ROW_OF_ONE_ARM if one_arm else ROW) * len(arms),
        margin=(14 if one_arm else min(150, max(96, 10 + LETTER * max(map(len, names)))), 4, 10, 36),
    )
    for place, (side, name) in enumerate(zip(arms, names, strict=True)):
        row = len(arms) - 1 - place
        if one_arm:
            plot.text(plot.margin[0], plot.sy(row) - 12, str(side["label"]), "start", "row")
        else:
            plot.text(plot.margin[0] - 6, plot.sy(row) + 3.5, fitted(name, plot.margin[0] - 6), "end", "row")
        _strip(plot, side, row, palette[name], log=log)
    for constant in constants:
        plot.rule(x=constant, kind="dashrule")
    return plot.render(grid=False)


def _strip(plot: Plot, side: Json, row: float, series: int, *, log: bool) -> None:
    finite = [value for value in side["values"] if value is not None]
    centre = mean([math.log(value) if log else value for value in finite])
    if centre is not None:
        at = math.exp(centre) if log else centre
        top = plot.sy(row) - 8
        plot.parts.append(f'<path class="mean s{series % 8}" d="M{number(plot.sx(at))} {number(top)}v16"/>')
    tips = [
        f"{side['arm']}, seed {seed}: {quantity(value, 4)}"
        for seed, value in zip(side["seeds"], side["values"], strict=False)
    ]
    plot.marks(((value, row, tip) for value, tip in zip(side["values"], tips, strict=False)), series)


def interval(hypothesis: Json) -> str:
    """Return the effect with its interval against the margin; empty when there is no estimate."""
    found = hypothesis["effect"] or {}
    scale = str(found.get("scale", "difference"))
    estimate, low, high, margin = (shown(found.get(name), scale) for name in ("estimate", "low", "high", "margin"))
    if estimate is None or margin is None:
        return ""
    log = factor(scale)
    band = _band(hypothesis, margin, log=log)
    ends = [value for value in (estimate, low, high, *band) if value is not None]
    unit = effect_unit(str(hypothesis.get("unit") or ""), scale)
    unit = f" ({unit})" if unit else ""
    names = {
        "log-ratio": "ratio of geometric means",
        "difference": "difference of means",
        "slope": "change of the mean",
    }
    step = " per level" if "levels" in hypothesis else ""
    plot = Plot(
        f"Effect and interval of {hypothesis['statement']}: {quantity(estimate)} from {quantity(low)} to {quantity(high)}",
        span(ends, pad=0.15, log=log),
        (-1.0, 1.0),
        f"{names.get(scale, scale)}{step}{unit}",
        log_x=log,
        height=72 + ROW / 2,
        margin=(14, 18, 14, 36),
    )
    for edge in band:
        plot.rule(x=edge, kind="dashrule")
    if len(band) == 2:
        plot.text((plot.sx(band[0]) + plot.sx(band[1])) / 2, 12, "paper’s side", "middle")
    at, side = plot.sx(margin), -1 if found.get("alternative") == "less" else 1
    if found.get("alternative") in ("less", "greater"):
        words = "← paper’s side" if side < 0 else "paper’s side →"
        inside = plot.margin[0] + 70 < at if side < 0 else at < plot.width - plot.margin[2] - 70
        anchor = ("end" if side < 0 else "start") if inside else "middle"
        plot.text(at + (5 * side if inside else 0), 12, words, anchor)
    left, right = (plot.x[0] if low is None else low), (plot.x[1] if high is None else high)
    verdict = str(found.get("verdict", "")).replace(" ", "-")
    plot.parts.append(
        f'<path class="interval v-{escape(verdict)}" d="M{number(plot.sx(left))} {number(plot.sy(0))}H{number(plot.sx(right))}"/>'
    )
    plot.parts.append(f'<path class="estimate v-{escape(verdict)}" d="{mark(plot.sx(estimate), plot.sy(0), 3, 4.5)}"/>')
    return plot.render(grid=False)


def _band(hypothesis: Json, margin: float, *, log: bool) -> list[float]:
    """Return what separates the sides: the margin, or both edges of the band of a claim of no difference."""
    within = hypothesis.get("within")
    if within is None:
        return [margin]
    return [margin / within, margin * within] if log else [margin - within, margin + within]


def tiny(effects: Sequence[Json], width: float = 96) -> str:
    """Return small intervals one below the other, each in units of its own reach, the paper's side on the right."""
    rows = [effect for effect in effects if effect and effect.get("estimate") is not None][:6]
    if not rows:
        return ""
    step, middle = 7.0, width / 2
    parts = [f'<path class="zero" d="M{number(middle)} 0V{number(step * len(rows) + 3)}"/>']
    for place, effect in enumerate(rows):
        margin, y = effect.get("margin") or 0.0, step * place + 5
        flip = -1.0 if effect.get("alternative") == "less" else 1.0
        known = [effect.get(name) for name in ("low", "estimate", "high")]
        offsets = [None if value is None else flip * (value - margin) for value in known]
        reach = max((abs(offset) for offset in offsets if offset is not None), default=0.0) or 1.0
        ends = sorted(
            offset if offset is not None else side * 1.2 * reach
            for offset, side in zip(offsets[::2], (-flip, flip), strict=True)
        )
        pixels = [middle + (middle - 3) * min(1.0, max(-1.0, end / reach)) for end in ends]
        at = middle + (middle - 3) * (offsets[1] or 0.0) / reach
        kind = escape(str(effect.get("verdict", "")).replace(" ", "-"))
        parts.append(f'<path class="interval v-{kind}" d="M{number(pixels[0])} {number(y)}H{number(pixels[1])}"/>')
        parts.append(f'<circle class="estimate v-{kind}" cx="{number(at)}" cy="{number(y)}" r="2.4"/>')
    height = number(step * len(rows) + 3)
    return f'<svg class="tiny" viewBox="0 0 {number(width)} {height}" width="{number(width)}" height="{height}" aria-hidden="true">{"".join(parts)}</svg>'


def pair(old: Json, new: Json, width: float = 200) -> str:
    """Return two intervals on one axis, the earlier one above, with the margin of the later; empty without estimates."""
    sides = [found if found.get("estimate") is not None else None for found in (old, new)]
    known = [found for found in sides if found]
    if not known:
        return ""
    margin = known[-1].get("margin") or 0.0
    ends = [found[name] for found in known for name in ("low", "estimate", "high") if found.get(name) is not None]
    low, high = span([*ends, margin])
    scale = Scale(low, high, 3, width - 3)
    parts = [f'<path class="dashrule" d="M{number(scale(margin))} 0V28"/>']
    for y, found in zip((8, 20), sides, strict=True):
        if found:
            kind = escape(str(found.get("verdict", "")).replace(" ", "-"))
            left, right = (low if found.get("low") is None else found["low"]), found.get("high")
            right = high if right is None else right
            parts.append(f'<path class="interval v-{kind}" d="M{number(scale(left))} {y}H{number(scale(right))}"/>')
            parts.append(f'<circle class="estimate v-{kind}" cx="{number(scale(found["estimate"]))}" cy="{y}" r="3"/>')
    return f'<svg class="tiny" viewBox="0 0 {number(width)} 28" width="{number(width)}" height="28" aria-hidden="true">{"".join(parts)}</svg>'
