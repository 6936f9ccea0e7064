"""Effects in words: estimate and interval, why a comparison has its verdict, and how it was decided."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from vitwork.facts.claims import Constant, Hypothesis, Sample
from vitwork.facts.document import QuantityResult
from vitwork.report.words.numbers import plural, probability, quantity, settings
from vitwork.statistics.effect import Effect, Obstacle, Test, Verdict

MARKS = {"log-ratio": "×", "probability": "P "}
"""What stands before an effect of these scales; other effects are differences."""
OPEN_ENDS = {"log-ratio": ("0", "∞"), "probability": ("0", "1")}
"""What an interval without limit reaches."""
OBSTACLES = {
    Obstacle.NO_RUNS: "an arm has no runs",
    Obstacle.FEW_SEEDS: "so few networks never decide",
    Obstacle.NEGATIVE_VALUES: "negative values have no logarithms",
    Obstacle.UNKNOWN_VALUE: "there are runs without a finite value, so that the effect is unknown",
    Obstacle.NO_SPREAD: "no network differs from another of its arm",
}
"""Why no test applies."""
SIDES = {Verdict.REPRODUCED: "the claim’s side", Verdict.CONTRADICTED: "the other side"}


def from_zero(hypothesis: Hypothesis) -> Hypothesis:
    """Return a comparison with a number as one with zero and that number as its margin, as margins between arms are stated."""
    found, other = hypothesis.effect, hypothesis.sides[-1]
    if (
        not isinstance(other, Constant)
        or not other.value
        or found.scale != "difference"
        or found.margin
        or found.band is not None
    ):
        return hypothesis
    moved = ("estimate", "low", "high", "adjusted_low", "adjusted_high", "margin")
    effect = replace(found, **{name: getattr(found, name) + other.value for name in moved})
    return structs.replace(hypothesis, effect=effect)


def networks(hypothesis: Hypothesis) -> tuple[int, ...]:
    """Return how many networks with a finite value each arm has; what is measured twice on one arm has each network once."""
    counts: dict[str, int] = {}
    for side in hypothesis.sides:
        if isinstance(side, Sample):
            known = sum(value is not None for value in side.values)
            counts[side.arm] = max(known, counts.get(side.arm, 0))
    return tuple(counts.values())


def factor(scale: str) -> bool:
    """Return whether effects on this scale are logarithms, to be shown as factors."""
    return scale == "log-ratio"


def shown(value: float, scale: str) -> float | None:
    """Return a value of an effect as it is shown: logarithms of ratios as factors; None for what is not finite."""
    if not math.isfinite(value):
        return None
    return math.exp(min(value, 700.0)) if factor(scale) else value


def effect_unit(unit: str, found: Effect) -> str:
    """Return the unit of an effect: factors, probabilities and correlations have none, and percentages differ by points."""
    if found.scale in MARKS or found.test is Test.RANKS:
        return ""
    return "pp" if unit == "%" and found.scale in ("difference", "slope") else unit


def effect(found: Effect, unit: str = "") -> str:
    """Return estimate and the interval that decides.

    For example ``×0.42 [0.30, 0.58]``, ``+2.1 [0.4, 3.8] pp`` or ``P 0.93 [0.7, 1]``.
    """
    scale = found.scale
    estimate, low, high = (shown(value, scale) for value in (found.estimate, *found.deciding))
    if estimate is None and low is None and high is None:
        return "no estimate"
    least, most = OPEN_ENDS.get(scale, ("−∞", "∞"))
    known = iter(_alike([value for value in (estimate, low, high) if value is not None], scale))
    texts = [missing if value is None else next(known)
             for value, missing in ((estimate, "–"), (low, least), (high, most))]  # fmt: skip
    tail = f" {unit}" if (unit := effect_unit(unit, found)) else ""
    return f"{MARKS.get(scale, '')}{texts[0]} [{texts[1]}, {texts[2]}]{tail}"


def _alike(values: Sequence[float], scale: str) -> list[str]:
    """Return an estimate and its interval with one precision: no zeros that all of them end with.

    Factors have as many significant digits each, since only their ratio matters; differences as many decimals, three
    digits for the largest.
    """
    largest = max(abs(value) for value in values)
    if not factor(scale) and largest and not 1e-3 <= largest < 1e5:
        return [quantity(value, sign=scale not in MARKS) for value in values]
    digits = factor(scale)
    finest = 3 if digits or not largest else max(0, 2 - math.floor(math.log10(largest)))
    rounded = [float(_rounded(value, finest, digits=digits)) for value in values]
    places = next(
        few
        for few in range(1 if digits else 0, finest + 1)
        if [float(_rounded(value, few, digits=digits)) for value in values] == rounded
    )
    return [_signed(_rounded(value, places, digits=digits), sign=scale not in MARKS) for value in values]


def _rounded(value: float, places: int, *, digits: bool) -> str:
    """Return a number with so many significant digits or decimals, zeros at the end included."""
    if not digits:
        return f"{value:z.{places}f}"
    text = f"{value:#.{places}g}".removesuffix(".").replace(".e", "e")
    return f"{float(text):.0f}" if "e+" in text and value < 1e5 else text


def _signed(text: str, *, sign: bool) -> str:
    """Return a number with a true minus sign and, where asked for, a plus sign for what is above zero."""
    return f"{'+' if sign and float(text) > 0 else ''}{text}".replace("-", "−")


def marked(value: float, scale: str) -> str:
    """Return a value on an effect's scale as it is shown, for example the margin 0 of a log-ratio as ``×1``."""
    return f"{MARKS.get(scale, '')}{quantity(shown(value, scale))}"


def compared(hypothesis: Hypothesis) -> str:
    """Return what is compared, with the parameters that tell it from others."""
    given = told(hypothesis)
    return f"{formula(hypothesis)}{f' ({given})' if given else ''}"


def formula(hypothesis: Hypothesis) -> str:
    """Return a comparison's statement without the numbers at which a trend is taken."""
    return hypothesis.statement if hypothesis.levels is None else hypothesis.statement.partition(" (at ")[0]


def told(hypothesis: Hypothesis) -> str:
    """Return those of a comparison's parameters that are not said already.

    An arm or a quantity stands in its statement, and a condition is its control's name.
    """
    given, said = hypothesis.parameters.items(), hypothesis.statement
    return settings(
        {
            name: value
            for name, value in given
            if value != hypothesis.control and (name == "when" or not _stands(value, said))
        }
    )


def _stands(value: str | float, statement: str) -> bool:
    """Return whether a name stands in a statement as a whole."""
    return isinstance(value, str) and bool(re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", statement))


def margin(hypothesis: Hypothesis) -> str:
    """Return on which side of the margin a decided effect lies, ``less than the 5 points claimed``; empty of a margin of nothing."""
    found = hypothesis.effect
    if not found.margin or found.band is not None or found.verdict is Verdict.INCONCLUSIVE:
        return ""
    unit = "points" if (unit := effect_unit(hypothesis.unit, found)) == "pp" else unit
    if abs(found.margin) == 1:
        unit = unit.removesuffix("s")
    stated = " ".join(filter(None, [marked(found.margin, found.scale), unit]))
    side = "less" if found.estimate < found.margin else "more"
    return f"{side} than the {stated} {'allowed' if found.alternative == 'less' else 'claimed'}"


def found_of(hypothesis: Hypothesis) -> str:
    """Return estimate and interval, and where the margin is not nothing, on which side of it a decided effect lies."""
    return ", ".join(filter(None, [effect(hypothesis.effect, hypothesis.unit), margin(hypothesis)]))


def reason(hypothesis: Hypothesis) -> str:
    """Return in one line what was found and what it says of the margin."""
    found = hypothesis.effect
    if found.obstacle is not None:
        return why(hypothesis)
    apart = found.n_b and len(networks(hypothesis)) > 1
    counted = f"{found.n_a} and {found.n_b} networks" if apart else plural(found.n_a, "network")
    return f"{effect(found, hypothesis.unit)}, {', '.join([counted, *_p_values(found)])}: {why(hypothesis)}"


def adjusted(found: Effect) -> bool:
    """Return whether the interval is adjusted to a family of claims; earlier results correct each hypothesis by Holm."""
    return not (math.isnan(found.adjusted_low) or math.isnan(found.adjusted_high))


def _p_values(found: Effect) -> list[str]:
    """Return p, and what the correction made of it; a control has none."""
    corrected = "q of the claim" if adjusted(found) else "p after Holm"
    known = {"p": found.p, corrected: math.nan if found.adjusted_p == found.p else found.adjusted_p}
    return [f"{name} = {probability(value)}" for name, value in known.items() if not math.isnan(value)]


def why(hypothesis: Hypothesis) -> str:
    """Return why a hypothesis has its verdict, without its numbers."""
    found = hypothesis.effect
    if found.obstacle is not None:
        return OBSTACLES[found.obstacle]
    step = f"the weakest of {found.steps} steps is number {found.weakest}: " if found.steps > 1 else ""
    return f"{step}{_placed(found, hypothesis.most)}{_noted(found)}"


def _placed(found: Effect, most: int | None) -> str:
    """Return where an effect lies, or what an undecided one lacks."""
    if found.verdict is Verdict.INCONCLUSIVE:
        return _undecided(found, most)
    paper = found.verdict is Verdict.REPRODUCED
    if found.band is not None:
        return f"{'inside' if paper else 'outside'} {_separating(found)}"
    return f"clear of {_separating(found)} on {SIDES[found.verdict]}"


def _undecided(found: Effect, most: int | None) -> str:
    place, (low, high) = _separating(found), found.deciding
    said = f"the order of the runs does not clear {place}" if found.test is Test.ORDER else f"not clear of {place}"
    if found.p <= found.alpha:
        counted = "claims" if adjusted(found) else "comparisons"
        side = SIDES[Verdict.REPRODUCED if found.p_for < found.p_against else Verdict.CONTRADICTED]
        said = f"alone it would lie on {side}, but not with all {counted} counted"
    if found.seeds_needed:
        return f"{said}; {settling(found.seeds_needed, most)}"
    return (
        said
        if found.p <= found.alpha or math.isinf(high - low)
        else f"{said}; many more networks would hardly settle it"
    )


def settling(needed: int, most: int | None, what: str = "it") -> str:
    """Return how many networks would settle what is undecided, or that there are not so many.

    Args:
        needed: networks per arm.
        most: that the smallest arm has; None where more can be trained.
        what: is undecided.
    """
    if most is not None and needed > most:
        return f"its networks cannot settle {what}: that would probably take about {needed} per arm, and the smallest arm has {most}"
    return f"about {needed} networks per arm would probably settle {what}"


def _separating(found: Effect) -> str:
    """Return what separates the sides: the margin, or the band of a claim of no difference."""
    middle, half, scale = found.margin, found.band, found.scale
    if half is None:
        return marked(middle, scale)
    if factor(scale):
        return f"the band {marked(middle - half, scale)} to {marked(middle + half, scale)}"
    return f"the band {marked(middle, scale)} ± {quantity(half)}"


def _noted(found: Effect) -> str:
    """Return in brackets what the data forced on the test."""
    if found.test is Test.PERMUTATION:
        alike = found.n_b and not found.margin  # permutations test whether two arms are alike, and nothing else
        return f" (no network differs{'' if alike else ', so that they show no spread to judge by'})"
    if any(found.lost):
        return f" ({found.lost[0]} and {found.lost[1]} runs without a finite value, judged by order)"
    return ""


def method(found: Effect) -> str:
    """Return the test with what was done to its p-value; empty where no test applies."""
    if found.test is Test.NONE:
        return ""
    edges = " at both edges of the band" if found.by_band else ""
    steps = f" in each of {found.steps} steps" if found.steps > 1 else ""
    return f"{found.test}{edges}{steps}{_guard(found)}"


def _guard(found: Effect) -> str:
    """Return by what p was multiplied, whose factors differ for values below and above the estimate."""
    below, above = found.penalty
    if found.band is None:
        below = above = below if found.margin < found.estimate else above
    factors = dict.fromkeys(f"{float(f'{one:.2g}'):g}" for one in (below, above))
    return "" if below == above == 1.0 else f", p × {' or '.join(factors)} as a guard against skewness"


def decision(hypothesis: Hypothesis) -> str:
    """Return how a hypothesis was decided: why, the claim's side, n, p and method."""
    found, counts = hypothesis.effect, networks(hypothesis)
    parts = [why(hypothesis), _claimed(hypothesis), f"n = {' + '.join(map(str, counts))}", *_p_values(found)]
    return "; ".join([*parts, *filter(None, [method(found), _plain(hypothesis)])])


def _plain(hypothesis: Hypothesis) -> str:
    """Return the textbook's p beside ours, for trust."""
    p, arms = hypothesis.effect.plain_p, {side.arm for side in hypothesis.sides if isinstance(side, Sample)}
    return "" if math.isnan(p) else f"plain {'Welch' if len(arms) > 1 else 't test'} (scipy): p = {probability(p)}"


def _claimed(hypothesis: Hypothesis) -> str:
    """Return which effects are claimed."""
    found = hypothesis.effect
    if hypothesis.within is not None:
        band = "a factor of " if factor(found.scale) else "±"
        return f"the claim’s side is a difference within {band}{quantity(hypothesis.within)}"
    if found.alternative == "two-sided":
        return f"the claim’s side is any effect other than {marked(found.margin, found.scale)}"
    return f"the claim’s side is {found.alternative} than {marked(found.margin, found.scale)}"


def audit(found: QuantityResult) -> str:
    """Return what the session's data say of a quantity: its skewness, and its own error beside its spread."""
    parts = []
    if found.skewness is not None:
        said = "plainly skewed, which p is guarded against in full" if found.skewed else "not plainly skewed"
        if found.together:
            said = "guarded against in full, since the session’s quantities are plainly skewed together"
        size = f" ({quantity(found.z, 2, sign=True)} standard errors)" if found.z is not None else ""
        parts.append(f"skewness over networks {quantity(found.skewness, 2, sign=True)}{size}, {said}")
    if found.error is not None and found.spread:
        parts.append(f"its own error is {100 * found.error / found.spread:.0f} % of its spread over networks")
    return f"{found.name}: {'; '.join(parts)}." if parts else ""
