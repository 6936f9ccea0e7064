"""One hypothesis over several reports: an interval each, and what a random-effects summary makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from html import escape
from typing import Any

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Effect, Verdict
from vitwork.report import words
from vitwork.report.axis import Scale, number, span
from vitwork.report.figures.base import Json
from vitwork.statistics import Summary, meta

STEP = 11


def draw(effects: Sequence[Json | None], width: float = 150) -> str:
    """Return a forest plot: one interval per report on a common axis, the margin dashed, the summary as a diamond below.

    Args:
        effects: of one hypothesis, one per report; None where a report has none.
        width: of the drawing.

    Returns:
        The drawing and, from two reports on, the summary in words; empty where scales differ or nothing was estimated.
    """
    known = [effect for effect in effects if effect]
    if not known or len({effect.get("scale") for effect in known}) > 1:
        return ""
    summary = summarised(known)
    margin = known[0].get("margin") or 0.0
    ends = [effect[name] for effect in known for name in ("low", "estimate", "high") if effect.get(name) is not None]
    scale = Scale(*span([*ends, margin, *(_ends(summary) if summary else ())]), 3, width - 3)
    height = STEP * (len(effects) + bool(summary)) + 3
    parts = [f'<path class="dashrule" d="M{number(scale(margin))} 0V{height}"/>']
    for place, effect in enumerate(effects):
        if effect:
            y, kind = STEP * place + 7, escape(str(effect.get("verdict", "")).replace(" ", "-"))
            ends = [scale(low if (low := effect.get(name)) is not None else edge) for name, edge in _open(scale)]
            parts.append(f'<path class="interval v-{kind}" d="M{number(ends[0])} {y}H{number(ends[1])}"/>')
            parts.append(
                f'<circle class="estimate v-{kind}" cx="{number(scale(effect["estimate"]))}" cy="{y}" r="2.6"/>'
            )
    if summary:
        left, middle, right = (number(scale(end)) for end in _ends(summary))
        y, kind = STEP * len(effects) + 7, summary.effect.verdict.replace(" ", "-")
        parts.append(
            f'<path class="estimate v-{kind}" d="M{left} {y}L{middle} {y - 4}L{right} {y}L{middle} {y + 4}Z"/>'
        )
    sentence = f'<span class="sentence">{escape(told(summary))}</span>' if summary else ""
    return f'<svg class="tiny" viewBox="0 0 {number(width)} {height}" width="{number(width)}" height="{height}" aria-hidden="true">{"".join(parts)}</svg>{sentence}'


def _open(scale: Scale) -> tuple[tuple[str, float], ...]:
    return ("low", scale.low), ("high", scale.high)


def summarised(effects: Sequence[Json]) -> Summary | None:
    """Return the random-effects summary of effects, None where there are fewer than two or they ask different questions."""
    names = {field.name for field in fields(Effect)}
    given: list[dict[str, Any]] = [
        {name: math.nan if value is None else value for name, value in effect.items() if name in names}
        for effect in effects
    ]
    try:
        return meta([Effect(**{**found, "verdict": Verdict(found["verdict"])}) for found in given])
    except VitworkError:
        return None


def _ends(summary: Summary) -> list[float]:
    """Return the summary's interval and estimate from left to right; without an interval the estimate alone."""
    found = summary.effect
    return [found.low if math.isfinite(found.low) else found.estimate, found.estimate,
            found.high if math.isfinite(found.high) else found.estimate]  # fmt: skip


def told(summary: Summary) -> str:
    """Return a summary in words: mean, heterogeneity, verdict."""
    found = summary.effect
    numbers = {name: value if math.isfinite(value) else None for name in ("estimate", "low", "high")
               for value in (getattr(found, name),)}  # fmt: skip
    shown = words.effect({**numbers, "scale": found.scale})
    why = "" if math.isfinite(found.high - found.low) else f" ({found.reason})"
    return (
        f"Random effects over {found.n_a} reports: {shown}; heterogeneity I² = {100 * summary.i_squared:.0f} %, "
        f"τ = {words.quantity(summary.tau, 2)}; {found.verdict}{why}."
    )
