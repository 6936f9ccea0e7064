"""The table of verdicts for a terminal. Imports no torch."""

from __future__ import annotations

from vitwork.language.document import ClaimResult, Hypothesis, Results
from vitwork.report import words
from vitwork.statistics.effect import Effect, Verdict

HEADER = ("claim", "verdict", "effect [interval]", "n", "cost", "hypothesis")


def table(results: Results) -> list[str]:
    """Return the table's lines: a row per claim, and below it a row per hypothesis."""
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    rows: list[tuple[str, ...]] = [HEADER]
    for claim in results.claims:
        # what others share with it is no cost of a claim that was not measured
        seconds = 0.0 if claim.verdict is Verdict.NOT_MEASURED else claim.cost_seconds
        rows.append((claim.id, claim.verdict, "", "", _minutes(seconds), _note(claim)))
        rows += [_row(hypotheses[id]) for id in claim.hypotheses]
    # the last column holds sentences, which need no padding
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)] + [0]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    swapped = [
        f"The arm {arm} is {model}, not the profile’s own." for arm, model in words.substitutes(results.profile).items()
    ]
    return ["", *lines[:1], "-" * len(lines[0]), *lines[1:], "", _totals(results), *swapped]


def _note(claim: ClaimResult) -> str:
    if claim.lack is not None:
        return words.lack(claim.lack)
    return "" if claim.hypotheses else f"the test says {claim.verdict}"


def _row(hypothesis: Hypothesis) -> tuple[str, ...]:
    effect = hypothesis.effect
    given = ", ".join(f"{name} {value}" for name, value in hypothesis.parameters.items())
    statement = hypothesis.statement + (f" ({given})" if given else "")
    n = f"{effect.n_a}" + (f"+{effect.n_b}" if effect.n_b else "")
    return "", effect.verdict, interval(effect, hypothesis.unit), n, "", statement


def interval(effect: Effect, unit: str = "") -> str:
    """Return an effect and its interval in words; logarithms of ratios are shown as factors."""
    factor = words.factor(effect.scale)
    sign, times = ("", "×") if factor else ("+", "")
    ends = ((effect.estimate, "?"), (effect.low, "-∞"), (effect.high, "∞"))
    values = [(words.shown(value, effect.scale), missing) for value, missing in ends]
    texts = [missing if value is None else f"{value:{sign}.3g}" for value, missing in values]
    unit = words.effect_unit(unit, effect.scale)
    return f"{times}{texts[0]} [{texts[1]}, {texts[2]}]{f' {unit}' if unit else ''}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _totals(results: Results) -> str:
    found = ", ".join(f"{count} {verdict}" for verdict, count in words.tally(results.claims).items() if count)
    trained = sum(run.seconds or 0.0 for run in results.runs)
    return (
        f"{words.plural(len(results.claims), 'claim')} at profile {results.profile.name}: {found}. "
        f"{words.plural(len(results.runs), 'run')}, {_minutes(trained)} of training; "
        "costs of runs that claims share count for each."
    )
