"""Numbers in words: effects, durations, sizes, moments. Imports no numerical library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vitwork.verdicts import effect_unit

Json = Mapping[str, Any]
VERDICTS = ("reproduced", "contradicted", "inconclusive", "not measured")
SYMBOLS = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "?", "not measured": "–"}
MARKS = {"log-ratio": "×", "ratio": "×", "probability": "P "}
"""What stands before an effect of these scales; other effects are differences."""
OPEN_ENDS = {"log-ratio": ("0", "∞"), "ratio": ("0", "∞"), "probability": ("0", "1")}
"""What an interval without limit reaches."""


def quantity(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number with so many significant digits and a true minus sign; a dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign and value else ''}.{digits}g}".replace("-", "−")


def factor(scale: str) -> bool:
    """Return whether effects on this scale are logarithms, to be shown as factors."""
    return scale == "log-ratio"


def shown(value: float | None, scale: str) -> float | None:
    """Return a value of an effect as it is shown: logarithms of ratios as factors."""
    if value is None or not math.isfinite(value):
        return None
    return math.exp(min(value, 700.0)) if factor(scale) else value


def effect(found: Json, unit: str = "") -> str:
    """Return estimate and interval, for example ``×0.42 [0.30, 0.58]``, ``+2.1 [0.4, 3.8] pp`` or ``P 0.93 [0.7, 1]``."""
    scale = str(found.get("scale", "difference"))
    estimate, low, high = (shown(found.get(name), scale) for name in ("estimate", "low", "high"))
    if estimate is None and low is None and high is None:
        return "no estimate"
    sign = scale not in MARKS
    least, most = OPEN_ENDS.get(scale, ("−∞", "∞"))
    ends = (least if low is None else quantity(low, sign=sign), most if high is None else quantity(high, sign=sign))
    tail = f" {unit}" if (unit := effect_unit(unit, scale)) else ""
    return f"{MARKS.get(scale, '')}{quantity(estimate, sign=sign)} [{ends[0]}, {ends[1]}]{tail}"


def sides(hypothesis: Json) -> list[Json]:
    """Return the samples and constants that a hypothesis is about, in its order."""
    return [hypothesis["a"], *hypothesis.get("between", ()), hypothesis["b"]]


def decision(hypothesis: Json) -> str:
    """Return how a hypothesis was decided: the reason, the paper's side, n, p and method."""
    found = hypothesis["effect"] or {}
    why = because(found)
    counts = [side["values"] for side in sides(hypothesis) if "constant" not in side]
    parts = [*([why] if why else []), _claimed(hypothesis, found)]
    parts.append(f"n = {' + '.join(str(sum(value is not None for value in values)) for values in counts)}")
    if (adjusted := found.get("adjusted_p")) is not None or found.get("p") is not None:
        kind = "p after Holm" if adjusted is not None else "p"
        parts.append(f"{kind} = {quantity(adjusted if adjusted is not None else found.get('p'), 2)}")
    if found.get("alpha") is not None:
        parts.append(f"error rate {quantity(found['alpha'])}")
    if found.get("seeds_needed") and "settle" not in why:
        parts.append(f"about {found['seeds_needed']} seeds per arm would probably settle it")
    if found.get("method"):
        parts.append(str(found["method"]))
    return "; ".join(parts)


def _claimed(hypothesis: Json, found: Json) -> str:
    """Return which effects the paper claims."""
    scale = str(found.get("scale", "difference"))
    mark = MARKS.get(scale, "")
    if (band := hypothesis.get("within")) is not None:
        return f"the paper’s side is a difference within {'a factor of ' if mark else '±'}{quantity(band)}"
    margin = quantity(shown(found.get("margin", 0.0), scale))
    return f"the paper’s side is {found.get('alternative', 'less')} than {mark}{margin}"


def because(found: Json) -> str:
    """Return an effect's reason without the numbers that stand before its colon."""
    reason = str(found.get("reason") or "")
    return reason.partition(": ")[2] or reason


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if seconds is None:
        return "–"
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def energy(joules: float | None) -> str:
    """Return an energy in the unit that suits it, empty for None."""
    if joules is None:
        return ""
    for limit, size, unit in ((1e3, 1.0, "J"), (1e6, 1e3, "kJ")):
        if joules < limit:
            return f"{joules / size:.3g} {unit}"
    return f"{joules / 3.6e6:.3g} kWh"


def cost(seconds: float | None, joules: float | None = None) -> str:
    """Return time, and energy where it is known; empty where nothing was spent."""
    return ", ".join(part for part in (duration(seconds) if seconds else "", energy(joules)) if part)


def moment(seconds: float | str | None) -> str:
    """Return a moment in UTC; text stays as it is."""
    if isinstance(seconds, (int, float)):
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return str(seconds or "–")


def size(number: float | None) -> str:
    """Return a count of bytes."""
    return f"{number / 2**30:.1f} GiB" if isinstance(number, (int, float)) else "–"


def count(number: float | None) -> str:
    """Return a large count with three significant digits."""
    if not isinstance(number, (int, float)):
        return "–"
    for limit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{name}"
    return str(number)


def snapshot(when: Any) -> str:
    """Return a moment of training in words: ``after warm-up``, ``at the end``, ``at epoch 100``."""
    named = {"init": "before training", "warmup": "after warm-up", "end": "at the end"}
    return named.get(str(when), f"at epoch {when}")


def settings(given: Json) -> str:
    """Return parameters as a short list of names and values, nested ones in brackets."""
    parts = []
    for name, value in given.items():
        if name == "when":
            parts.append(snapshot(value))
        else:
            parts.append(f"{name.replace('_', ' ')} {_setting(value)}")
    return ", ".join(parts)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({settings(value)})" if value else "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value)) or "none"
    return "none" if value in (None, "") else str(value)


def tally(claims: list[Json]) -> dict[str, int]:
    """Return how many claims have each verdict, all four of them, in the order of `VERDICTS`."""
    return {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS}
