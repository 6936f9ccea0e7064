"""The table of verdicts for a terminal. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitwork.language.document import ClaimResult, Hypothesis, Results
from vitwork.report import words
from vitwork.statistics.effect import Effect, Verdict

HEADER = ("claim", "verdict", "effect [interval]", "n", "q", "cost", "hypothesis")
Row = tuple[str, ...]


def table(results: Results) -> list[str]:
    """Return the table's lines: a row per claim, those of ours last, and below it a row per hypothesis, controls last."""
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    paper, ours = words.apart(results.claims)
    rows: list[Row] = [HEADER, *_rows(paper, hypotheses)]
    if ours:
        rows += [("",) * len(HEADER), ("claims of ours", *[""] * (len(HEADER) - 1)), *_rows(ours, hypotheses)]
    # the last column holds sentences, which need no padding
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)] + [0]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    swapped = [
        f"The arm {arm} is {model}, not the profile’s own." for arm, model in words.substitutes(results.profile).items()
    ]
    price = [f"{price}."] if (price := words.price(results)) else []
    return ["", *lines[:1], "-" * len(lines[0]), *lines[1:], "", *_totals(results, paper, ours), *swapped, *price]


def _rows(claims: Sequence[ClaimResult], hypotheses: Mapping[str, Hypothesis]) -> list[Row]:
    rows: list[Row] = []
    for claim in claims:
        found = [hypotheses[id] for id in claim.hypotheses]
        # what others share with it is no cost of a claim that was not measured
        seconds = 0.0 if claim.verdict is Verdict.NOT_MEASURED else claim.cost_seconds
        q = "" if claim.q is None else f"{claim.q:.2g}"
        rows.append((claim.id, claim.verdict, "", "", q, _minutes(seconds), _note(claim, found)))
        rows += [_row(hypothesis) for hypothesis in sorted(found, key=lambda hypothesis: bool(hypothesis.control))]
    return rows


def _note(claim: ClaimResult, hypotheses: Sequence[Hypothesis]) -> str:
    """Return what qualifies a verdict, what was lacking, or that a test decided it without comparisons."""
    said = list(words.qualifiers(claim, hypotheses))
    if claim.lack is not None:
        said.append(words.lack(claim.lack))
    elif not hypotheses:
        said.append(f"the test says {claim.verdict}")
    return "; ".join(said)


def _row(hypothesis: Hypothesis) -> Row:
    effect = hypothesis.effect
    given = ", ".join(f"{name} {value}" for name, value in hypothesis.parameters.items())
    control = f"control: {hypothesis.control}: " if hypothesis.control else ""
    statement = f"{control}{hypothesis.statement}{f' ({given})' if given else ''}"
    n = f"{effect.n_a}" + (f"+{effect.n_b}" if effect.n_b else "")
    return "", effect.verdict, interval(effect, hypothesis.unit), n, "", "", statement


def interval(effect: Effect, unit: str = "") -> str:
    """Return an effect and the interval that decides in words; logarithms of ratios are shown as factors."""
    factor = words.factor(effect.scale)
    sign, times = ("", "×") if factor else ("+", "")
    low, high = effect.deciding
    values = [(words.shown(value, effect.scale), missing)
              for value, missing in ((effect.estimate, "?"), (low, "-∞"), (high, "∞"))]  # fmt: skip
    texts = [missing if value is None else f"{value:{sign}.3g}" for value, missing in values]
    unit = words.effect_unit(unit, effect)
    return f"{times}{texts[0]} [{texts[1]}, {texts[2]}]{f' {unit}' if unit else ''}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _totals(results: Results, paper: Sequence[ClaimResult], ours: Sequence[ClaimResult]) -> list[str]:
    """Return how many claims have which verdict, the paper's and ours apart, and what was trained."""
    trained = sum(run.seconds or 0.0 for run in results.runs)
    sides = [(paper, "the paper"), *([(ours, "ours")] if ours else [])]
    return [
        *(
            f"{words.decided(claims)} of {words.plural(len(claims), 'claim')} of {whose} decided at profile "
            f"{results.profile.name}: {words.counted(claims) or 'none was tested'}."
            for claims, whose in sides
        ),
        *filter(None, [words.correction(results)]),
        f"{words.plural(len(results.runs), 'run')}, {_minutes(trained)} of training; costs of shared runs count for each.",
    ]
