"""Numbers in words: effects, durations, sizes, moments. Imports no numerical library."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vitwork.report.terminal import effect_unit

Json = Mapping[str, Any]
VERDICTS = ("reproduced", "contradicted", "inconclusive", "not measured")
SYMBOLS = {"reproduced": "✓", "contradicted": "✗", "inconclusive": "?", "not measured": "–"}
MARKS = {"log-ratio": "×", "ratio": "×", "probability": "P "}
"""What stands before an effect of these scales; other effects are differences."""
OPEN_ENDS = {"log-ratio": ("0", "∞"), "ratio": ("0", "∞"), "probability": ("0", "1")}
"""What an interval without limit reaches."""
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
NUMBERS = re.compile(r"(difference|log-ratio|ratio|probability|slope|share) \S+")
"""How the part of a reason starts that repeats estimate, interval and p."""


def quantity(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number with so many significant digits and a true minus sign; a dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign and value else ''}.{digits}g}".replace("-", "−")


def fixed(value: float | None, decimals: int) -> str:
    """Return a number of a column, all of which have so many decimals; a dash for None."""
    if value is None or abs(value) >= 1e6:  # what diverged has no use for decimals
        return quantity(value)
    return f"{value:.{decimals}f}".replace("-", "−")


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
    least, most = OPEN_ENDS.get(scale, ("−∞", "∞"))
    known = iter(alike([value for value in (estimate, low, high) if value is not None], scale))
    texts = [missing if value is None else next(known)
             for value, missing in ((estimate, "–"), (low, least), (high, most))]  # fmt: skip
    tail = f" {unit}" if (unit := effect_unit(unit, scale)) else ""
    return f"{MARKS.get(scale, '')}{texts[0]} [{texts[1]}, {texts[2]}]{tail}"


def alike(values: Sequence[float], scale: str = "difference") -> list[str]:
    """Return an estimate and its interval with one precision: no zeros that all of them end with.

    Factors have as many significant digits each, since only their ratio matters; differences as many decimals, three
    digits for the largest.
    """
    if not values:
        return []
    largest = max(abs(value) for value in values)
    ratios = scale in ("ratio", "log-ratio")
    if not ratios and largest and not 1e-3 <= largest < 1e5:
        return [quantity(value, sign=scale not in MARKS) for value in values]
    finest = 3 if ratios or not largest else max(0, 2 - math.floor(math.log10(largest)))
    rounded = [_rounded(value, finest, digits=ratios) for value in values]
    places = next(
        few
        for few in range(1 if ratios else 0, finest + 1)
        if [float(_rounded(value, few, digits=ratios)) for value in values] == [float(text) for text in rounded]
    )
    return [_signed(_rounded(value, places, digits=ratios), sign=scale not in MARKS) for value in values]


def _rounded(value: float, places: int, *, digits: bool) -> str:
    """Return a number with so many significant digits or decimals, zeros at the end included."""
    if not digits:
        return f"{value:z.{places}f}"
    text = f"{value:#.{places}g}".removesuffix(".").replace(".e", "e")
    return f"{float(text):.0f}" if "e+" in text and value < 1e5 else text


def _signed(text: str, *, sign: bool) -> str:
    """Return a number with a true minus sign and, where asked for, a plus sign for what is above zero."""
    return f"{'+' if sign and float(text) > 0 else ''}{text}".replace("-", "−")


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
    if (band := hypothesis.get("within")) is not None:
        return f"the paper’s side is a difference within {'a factor of ' if scale in MARKS else '±'}{quantity(band)}"
    return f"the paper’s side is {found.get('alternative', 'less')} than {marked(found.get('margin', 0.0), scale)}"


def marked(value: float | None, scale: str) -> str:
    """Return a value on an effect's scale as it is shown, for example the margin 0 of a log-ratio as ``×1``."""
    return f"{MARKS.get(scale, '')}{quantity(shown(value, scale))}"


def because(found: Json) -> str:
    """Return an effect's reason without the numbers that it repeats, margins and bands as they are shown.

    The reason is made where nothing is known of how an effect is shown, so that it names the logarithms of ratios.
    """
    reason, scale = str(found.get("reason") or ""), str(found.get("scale", "difference"))
    said = ": ".join(part for part in reason.split(": ") if not NUMBERS.match(part)) or reason
    said = re.sub(
        rf"(clear of|not clear|around) ({NUMBER})\b",
        lambda margin: f"{margin[1]} {marked(float(margin[2]), scale)}",
        said,
    )
    return re.sub(
        rf"band ({NUMBER}) ± ({NUMBER})\b",
        lambda band: f"band {_band(float(band[1]), float(band[2]), scale)}",
        said,
    )


def _band(middle: float, half: float, scale: str) -> str:
    if factor(scale):
        return f"{marked(middle - half, scale)} to {marked(middle + half, scale)}"
    return f"{marked(middle, scale)} ± {quantity(half)}"


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if seconds is None:
        return "–"
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def spent(claim: Json, *, whole: bool = False) -> str:
    """Return what the runs and measurements of a claim took, with their energy where the `whole` is asked for.

    Empty for a claim that was not measured: what it shares with others was noted before it was found that it lacks the
    rest, and shows nothing of it.
    """
    if claim["verdict"] == "not measured":
        return ""
    return cost(claim["cost_seconds"], claim.get("cost_joules") if whole else None)


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


def summary(results: Json) -> str:
    """Return the profile's summary with the number of seeds that were run in place of the profile's own."""
    said = str(results["profile"].get("summary", ""))
    seeds: dict[str, set[int]] = {}
    for run in results["runs"]:
        seeds.setdefault(run["arm"], set()).add(run["seed"])
    counts = sorted({len(found) for found in seeds.values()})
    if not said or not counts:
        return said
    least = f"{counts[0]} to " if len(counts) > 1 else ""
    return f"{re.sub(r',? [a-z0-9]+ seeds$', '', said)}, {least}{plural(counts[-1], 'seed')}"


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 claim``, ``2 claims``, ``2 hypotheses``."""
    more = f"{noun[:-2]}es" if noun.endswith("is") else f"{noun}s"
    return f"{number} {noun if number == 1 else more}"


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
