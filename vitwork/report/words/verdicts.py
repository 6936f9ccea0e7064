"""Verdicts of claims in words: counts, what qualifies them, how they were corrected, and what a decision cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import QuantityResult, Results, RunResult
from vitwork.language.claim import combine
from vitwork.report.words.effects import effect_unit, factor, marked
from vitwork.report.words.numbers import plural, probability, quantity, settings
from vitwork.statistics.effect import Verdict

SYMBOLS = {Verdict.REPRODUCED: "✓", Verdict.CONTRADICTED: "✗", Verdict.INCONCLUSIVE: "?", Verdict.NOT_MEASURED: "–"}
OURS = "Claims of ours: the paper does not make them"
DECIDED = (Verdict.REPRODUCED, Verdict.CONTRADICTED)
AGAINST = {(Verdict.REPRODUCED, Verdict.CONTRADICTED): "but not",
           (Verdict.CONTRADICTED, Verdict.REPRODUCED): "but reproduced"}  # fmt: skip
"""What a control says that contradicts its claim's verdict."""
NAMED = 2
"""Controls that were not measured and are named; more are counted."""
BELOW = "below twice the error of the test images"
"""What is said of an effect that is so near to its margin."""
OBJECTIONS = tuple(AGAINST.values())


def tally(claims: Sequence[ClaimResult]) -> dict[Verdict, int]:
    """Return how many claims have each verdict, all four of them, in order."""
    return {verdict: sum(claim.verdict is verdict for claim in claims) for verdict in Verdict}


def counted(claims: Sequence[ClaimResult]) -> str:
    """Return how many claims have which verdict: ``12 reproduced, 3 contradicted``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in tally(claims).items() if count)


def untrained(claims: Iterable[ClaimResult]) -> int:
    """Return how many decided claims rest on no trained network."""
    return sum(not claim.hypotheses for claim in claims if claim.verdict in DECIDED)


def properties(claims: Sequence[ClaimResult]) -> str:
    """Return in brackets how many decided claims rest on no trained network; empty of none."""
    number = untrained(claims)
    what = "is a property" if number == 1 else "are properties"
    return f" ({number} {what} checked on examples, without training)" if number else ""


def apart(claims: Iterable[ClaimResult]) -> tuple[list[ClaimResult], list[ClaimResult]]:
    """Return the paper's claims, and those of ours that the paper does not make."""
    sides: tuple[list[ClaimResult], list[ClaimResult]] = ([], [])
    for claim in claims:
        sides[claim.ours].append(claim)
    return sides


def sides(claims: Iterable[ClaimResult]) -> list[tuple[list[ClaimResult], str]]:
    """Return the paper's claims and those of ours with whose they are, as far as there are any; what comes first is asked."""
    paper, ours = apart(claims)
    found = [(paper, "the paper"), (ours, "ours")]
    return [side for side in found if side[0]] or found[:1]


def decided(claims: Iterable[ClaimResult]) -> int:
    """Return how many claims are reproduced or contradicted."""
    return sum(claim.verdict in DECIDED for claim in claims)


def primaries(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses that decide: all but the controls."""
    return [hypothesis for hypothesis in hypotheses if not hypothesis.control]


def bearing(verdict: Verdict, hypotheses: Iterable[Hypothesis]) -> Hypothesis | None:
    """Return the hypothesis that bears a claim's verdict: the strongest against it, or the weakest for it.

    None for a claim that was not measured, or that is decided without comparisons.
    """
    deciding = primaries(hypotheses)
    if not deciding or verdict is Verdict.NOT_MEASURED:
        return None
    if verdict is Verdict.CONTRADICTED:
        return min(deciding, key=lambda hypothesis: _known(hypothesis.effect.p_against))
    return max(deciding, key=lambda hypothesis: _known(hypothesis.effect.p_for))


def rank(verdict: Verdict, count: int) -> str:
    """Return which of several comparisons bears a verdict, ``the strongest of 4``; empty of a single one."""
    return f"the {'strongest' if verdict is Verdict.CONTRADICTED else 'weakest'} of {count}" if count > 1 else ""


def _known(p: float) -> float:
    return 1.0 if math.isnan(p) else p


def verdict(
    claim: ClaimResult, hypotheses: Iterable[Hypothesis], profile: str, quantities: Sequence[QuantityResult] = ()
) -> str:
    """Return a verdict with its scale and qualifiers: ``reproduced at smoke, but not with BatchNorm in train mode``."""
    found = _qualified(claim, list(hypotheses), quantities)
    said = (f"{', ' if one.text.startswith(OBJECTIONS) else '; '}{one.text}" for one in found)
    return "".join([f"{claim.verdict} at {profile}", *said])


def qualifiers(
    claim: ClaimResult, hypotheses: Iterable[Hypothesis], quantities: Sequence[QuantityResult] = ()
) -> tuple[str, ...]:
    """Return what is said beside a verdict.

    That are controls which do not share it, a number of the paper that is excluded, and, where the `quantities` of the
    session are given, that the effect is within the error of the images.
    """
    return tuple(
        f"control: {said.text}" if said.control else said.text
        for said in _qualified(claim, list(hypotheses), quantities)
    )


def within_error(hypothesis: Hypothesis, quantities: Iterable[QuantityResult]) -> float | None:
    """Return twice the error of one network on images that all networks share, where an effect is nearer than that to its margin.

    None where it is farther, or the error is not known. Such an error is no part of the spread over networks, by which the effect is decided. Effects on another scale than their
    quantity's, such as rank correlations, are not compared.
    """
    found = hypothesis.effect
    if found.band is not None:
        return None
    twice = [
        2 * one.error
        for one in quantities
        if (one.name, one.scale) == (hypothesis.quantity, found.scale) and one.error and not one.drawn
    ]
    return next((error for error in twice if abs(found.estimate - found.margin) < error), None)


def image_error(claim: ClaimResult, found: Sequence[Hypothesis], quantities: Sequence[QuantityResult]) -> str:
    """Return how near the effect that decides a claim is to its margin beside twice the error of the images; empty where farther."""
    borne, twice = _below(claim, found, quantities)
    if borne is None or twice is None:
        return ""
    unit = f" {unit}" if (unit := effect_unit(borne.unit, borne.effect)) else ""
    far = quantity(abs(borne.effect.estimate - borne.effect.margin))
    return (
        f"The effect is {far}{unit} from its margin, and twice the error of the test images is {quantity(twice)}{unit}."
    )


class _Said(NamedTuple):
    """What is said beside a verdict, and whether a control says it."""

    text: str
    control: bool = False


def _qualified(claim: ClaimResult, found: Sequence[Hypothesis], quantities: Sequence[QuantityResult]) -> list[_Said]:
    """Return what is said beside a verdict: of controls first, those that speak against it before others."""
    if claim.verdict is Verdict.NOT_MEASURED:
        return []
    conditions: dict[str, list[Hypothesis]] = {}
    for hypothesis in found:
        if hypothesis.control:
            conditions.setdefault(hypothesis.control, []).append(hypothesis)
    said: dict[str, list[str]] = {kind: [] for kind in OBJECTIONS}
    for condition, controls in conditions.items():
        if (control := combine(one.effect.verdict for one in controls)) is not claim.verdict:
            said.setdefault(_kind(claim.verdict, control), []).append(f"{condition}{_where(control, controls)}")
    if len(claim.unmeasured) <= NAMED:
        said.setdefault("not measured", []).extend(claim.unmeasured)
    stated = [
        _Said(f"{kind} {(' or ' if kind == 'but not' else ' and ').join(named)}", control=True)
        for kind, named in said.items()
        if named
    ]
    unmeasured = len(claim.unmeasured)
    others = (
        f"{unmeasured} controls not measured here" if unmeasured > NAMED else "",
        _excluded(claim, found),
        BELOW if _below(claim, found, quantities)[1] else "",
    )
    return [*stated, *(_Said(other) for other in others if other)]


def _below(
    claim: ClaimResult, found: Sequence[Hypothesis], quantities: Sequence[QuantityResult]
) -> tuple[Hypothesis | None, float | None]:
    """Return the comparison that decides a claim, and twice the error of the images where it is within that."""
    borne = bearing(claim.verdict, found) if claim.verdict in DECIDED else None
    return borne, None if borne is None else within_error(borne, quantities)


def _where(verdict: Verdict, controls: Sequence[Hypothesis]) -> str:
    """Return which of a condition's tests have its verdict, by the parameters that tell them apart; empty where all have."""
    first, *others = controls
    telling = [
        name for name in first.parameters if any(first.parameters[name] != one.parameters.get(name) for one in others)
    ]
    own = [one.parameters for one in controls if one.effect.verdict is verdict]
    named = dict.fromkeys(settings({name: given.get(name) for name in telling}) for given in own)
    return f" ({', '.join(named)})" if telling and len(own) < len(controls) else ""


def _kind(verdict: Verdict, control: Verdict) -> str:
    """Return how a control's verdict is said beside another one of its claim."""
    if control is Verdict.INCONCLUSIVE:
        return "undecided"
    return AGAINST.get((verdict, control), str(control))


def _excluded(claim: ClaimResult, hypotheses: Sequence[Hypothesis]) -> str:
    """Return that an undecided effect is another one than the paper's, where the paper gives a number; else nothing."""
    stated, deciding = claim.paper.effect, primaries(hypotheses)
    first = next(iter(deciding), None)
    if claim.verdict is not Verdict.INCONCLUSIVE or stated is None or first is None:
        return ""
    found = first.effect  # its 95 % interval alone: an estimate, no decision
    value = (math.log(stated) if stated > 0 else -math.inf) if factor(found.scale) else stated
    if not (value < found.low or value > found.high):
        return ""
    unit = "points" if first.unit == "%" else first.unit
    number = f"{quantity(stated, sign=True)} {unit}" if effect_unit(first.unit, found) else marked(value, found.scale)
    which = f" for {first.statement}" if len(deciding) > 1 else ""
    effect, paper = found.estimate - found.margin, value - found.margin
    stronger = (effect > 0) == (paper > 0) and abs(effect) > abs(paper)
    return f"the effect here{which} is {'stronger' if stronger else 'weaker'} than the paper’s {number}"


def p_values(claim: ClaimResult, results: Results) -> str:
    """Return a claim's p and q, and whether Holm's procedure decides it, too; empty where it has none."""
    if claim.p is None:
        return ""
    holm = f"; {'also' if by_holm(claim, results) == 'yes' else 'not'} by Holm (p = {probability(claim.holm_p)})"
    over = f"p = {probability(claim.p)}, q = {probability(claim.q)} over {plural(results.family, 'claim')}"
    return over + (holm if claim.verdict in DECIDED else "")


def by_holm(claim: ClaimResult, results: Results) -> str:
    """Return whether Holm's procedure over the family decides the claim; a dash where it has no p."""
    return "–" if claim.holm_p is None else ("yes" if claim.holm_p <= results.alpha else "no")


def correction(results: Results) -> str:
    """Return for what verdicts are corrected and what the intervals show; empty where there is nothing to correct."""
    if results.family:
        found = sum(claim.q is not None and claim.q <= results.alpha for claim in results.claims)
        level = 1 - results.alpha * max(1, found) / results.family
        return (
            f"Verdicts have a false discovery rate of {100 * results.alpha:g} % over the "
            f"{plural(results.family, 'claim')} that the profile can measure (Benjamini and Hochberg). Intervals are those "
            f"that decide, at {100 * level:.4g} %."
        )
    tested = sum(not math.isnan(hypothesis.effect.p) for hypothesis in results.hypotheses)
    if tested < 2:
        return ""
    return (
        f"Verdicts and p are corrected by Holm’s procedure for the {tested} comparisons of the session. Each interval is "
        "that of its comparison alone: one clear of the margin can stand next to “inconclusive”."
    )


def older(results: Results, others: Iterable[Results]) -> str:
    """Return that results were decided by an older rule than others that stand beside them; empty where they were not."""
    if results.family or not correction(results) or not any(other.family for other in others):
        return ""
    return (
        "Decided by an older rule than other reports here: Holm’s procedure over every comparison of the session, in place of "
        "a false discovery rate over claims. The counts cannot be compared."
    )


def ended(results: Results) -> int:
    """Return how many networks were trained or loaded: what is planned and not there yet is none."""
    return sum(run.status is not None or bool(run.network) for run in results.runs)


def worked(results: Results) -> float:
    """Return the seconds that all trainings and measurements took, by the clock of each."""
    spent = [*(run.seconds for run in results.runs), *(entry.seconds for entry in results.measurements)]
    return sum(filter(None, spent))


def core_seconds(results: Results) -> float:
    """Return the time of cores that training and measuring took, or the time by the workers' clocks where that is not known.

    More workers than cores wait for each other while the clock of a record goes on, but what a session did itself took no more
    than its cores had. How busy the cores were in earlier sessions nothing tells.
    """
    seconds, made = worked(results), results.provenance
    own = all(run.finished is not None and run.finished >= made.started for run in results.runs if run.seconds)
    if own and made.hardware.get("cores"):
        return min(seconds, float(made.hardware["cores"]) * made.seconds)
    return seconds


def price(results: Results) -> str:
    """Return what a decision cost; empty where nothing was spent.

    By the clocks of trainings and measurements, which a store keeps: the same whichever session reads them.
    """
    seconds, (claims, whose) = worked(results), sides(results.claims)[0]
    if not seconds:
        return ""
    return (
        f"{quantity(60 * decided(claims) / seconds)} claims decided per worker-minute: {decided(claims)} of "
        f"{plural(len(claims), 'claim')} of {whose} in {seconds / 60:.1f} worker-minutes of "
        f"{'loading' if results.profile.loaded else 'training'} and measuring"
    )


def speed(runs: Iterable[RunResult]) -> float | None:
    """Return the median of the images per second that networks trained on; None where it is not known of any."""
    known = [run.images_per_second for run in runs if run.images_per_second]
    return median(known) if known else None


def throughput(results: Results) -> str:
    """Return how fast models trained (`throughput-comparable`; paper, appendix A.1), which is no verdict; empty of fewer than two."""
    arms: dict[tuple[str, str], list[RunResult]] = {}
    for run in results.runs:
        arms.setdefault((run.model or run.arm, run.arm), []).append(run)
    models: dict[str, list[float]] = {}
    for (model, _), runs in arms.items():
        if found := speed(runs):
            models.setdefault(model, []).append(found)
    if len(models) < 2:
        return ""
    ranges = (
        f"{model} {min(found):.0f}" + (f" to {max(found):.0f} in {len(found)} arms" if len(found) > 1 else "")
        for model, found in sorted(models.items(), key=lambda item: -max(item[1]))
    )
    return (
        f"Images per second (throughput-comparable; appendix A.1: the networks train at similar speed): {', '.join(ranges)} "
        "(medians over networks, each by its own clock). No verdict: speed depends on the machine and on what else runs there"
    )
