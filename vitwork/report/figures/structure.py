"""A network drawn from the blocks that a measurement saw: kinds in order, stages set apart, drops of resolution marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from vitwork.facts.document import MeasurementResult
from vitwork.report.axis import number
from vitwork.report.figures.base import MALFORMED

KINDS = {"msa": "MSA", "mlp": "MLP", "conv": "Conv"}
"""How kinds of blocks are written where they have a name."""
SERIES = {"stem": 7, "conv": 1, "msa": 0, "mlp": 2, "pool": 4, "head": 6}
"""A colour per kind of block."""


def draw(arm: str, measurements: Sequence[MeasurementResult]) -> str:
    """Return the blocks of an arm as a strip; empty where no measurement names them."""
    known = [e.values for e in measurements if e.arm == arm and e.values and e.values.get("kinds")]
    try:
        return _drawn(arm, known) if known else ""
    except MALFORMED:
        return ""


def _drawn(arm: str, known: Sequence[Mapping[str, Any]]) -> str:
    found = min(known, key=lambda values: "blocks" not in values)  # lesions name what they remove: not the stem
    names = found.get("blocks") or found.get("units") or []
    down = found.get("downsamples") or [False] * len(names)
    x, y, parts, stage = 4.0, 20.0, [], None
    per_line, lines = 18, 0
    for place, (name, kind, at, lowers) in enumerate(zip(names, found["kinds"], found["stages"], down, strict=False)):
        if place % per_line == 0 and place:
            x, lines = 4.0, lines + 1
        top = y + 52 * lines
        if at != stage or x == 4.0:
            words = "stem" if at == 0 else f"stage {at}"
            x += 8 if x > 4.0 else 0
            parts.append(f'<text x="{number(x)}" y="{number(top - 5)}">{words}</text>')
            stage = at
        parts.append(_block(x, top, (str(name), str(kind)), down=bool(lowers)))
        x += 42
    height = number(y + 52 * lines + 34)
    return f'<svg viewBox="0 0 830 {height}" role="img" aria-label="Blocks of {escape(arm)}: {escape(", ".join(map(str, found["kinds"])))}">{"".join(parts)}</svg>'


def _block(x: float, y: float, names: tuple[str, str], *, down: bool) -> str:
    name, kind = names
    series = SERIES.get(kind, 7)
    inset = 5 if down else 0
    shape = f"M{number(x)} {number(y)}L{number(x + 37)} {number(y + inset)}V{number(y + 26 - inset)}L{number(x)} {number(y + 26)}z"
    tip = escape(f"{name}: {kind}{', lowers the resolution' if down else ''}")
    return (
        f'<path class="hollow s{series}" d="{shape}"><title>{tip}</title></path>'
        f'<text class="row" x="{number(x + 18)}" y="{number(y + 17)}" text-anchor="middle">{escape(kind[:5])}</text>'
    )
