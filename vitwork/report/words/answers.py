"""What a report answers: the headline with its scale, the paper's three questions, and in which groups claims come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vitwork.design.deviation import Missing
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import Results
from vitwork.report.words.numbers import plural, quantity
from vitwork.report.words.verdicts import DECIDED, apart, by_definition, decided, ended, loaded, sides, tally
from vitwork.statistics.effect import Verdict

PAPER = "How Do Vision Transformers Work?"
QUESTIONS = {
    2: "What properties of MSAs make networks optimise better?",
    3: "Do MSAs act like Convs?",
    4: "How can MSAs and Convs be combined?",
}
"""The paper's questions, by the section that answers each."""
BESIDE = "Measured on single networks, beside the paper’s numbers"
"""What stands above numbers that are no verdict."""
REASONS = {
    Missing.ARM: "An arm is needed that the profile does not have",
    Missing.SNAPSHOT: "A snapshot is needed that no recipe keeps",
    Missing.LOADED: "A training is needed, and networks were loaded",
    Missing.WEIGHTS: "Weights of published networks are not here",
    Missing.PART: "A network lacks the part that would be measured",
    Missing.LEARNING: "An arm has not learned at this profile",
    Missing.SAME: "Two arms that are compared have the same networks",
    Missing.LEFT_OUT: "A quantity is needed that the profile leaves out",
    Missing.NOISE: "The measurement’s own error is too large beside its spread over networks",
    Missing.UNFIT: "The measurement does not fit the network",
    Missing.RECORD: "A record is missing",
    Missing.REACH: "Not all of its tests ran in this session",
    Missing.EMPTY: "A test has no parameters",
    Missing.FAULT: "A fault",
}
"""Why claims were not measured, as headings."""


def scale(results: Results) -> str:
    """Return at what scale results were found: ``at 16×16 pixels and 0.11 to 0.18 million parameters``."""
    pixels, sizes = results.profile.pixels, [run.parameters / 1e6 for run in results.runs if run.parameters]
    parts = [f"{pixels}×{pixels} pixels" if pixels else ""]
    if sizes:
        ends = dict.fromkeys((quantity(min(sizes), 2), quantity(max(sizes), 2)))
        parts.append(f"{' to '.join(ends)} million parameters")
    return f"at {' and '.join(found)}" if (found := list(filter(None, parts))) else f"at {results.profile.name}"


def headline(results: Results) -> str:
    """Return the whole report in one sentence, with its scale."""
    claims, whose = sides(results.claims)[0]
    of = f"of “{PAPER}”" if whose != "ours" else "of ours"
    held, failed = (tally(claims)[verdict] for verdict in DECIDED)
    if not held + failed:
        return f"None of {plural(len(claims), 'claim')} {of} could be decided {scale(results)}"
    parts = [f"{count} {'is' if count == 1 else 'are'} {verdict}"
             for count, verdict in zip((held, failed), DECIDED, strict=True) if count]  # fmt: skip
    return f"Of {plural(len(claims), 'claim')} {of}, {' and '.join(parts)} {scale(results)}"


def lead(results: Results) -> str:
    """Return how many claims were put to the test, and what became of the others."""
    (claims, whose), *others = sides(results.claims)
    counts = tally(claims)
    measured, open_ = len(claims) - counts[Verdict.NOT_MEASURED], counts[Verdict.INCONCLUSIVE]
    defined = by_definition(claims)
    examples = f"{defined} on drawn examples" if defined else ""
    network = f"{'published' if loaded(results) else 'trained'} network"
    own = "".join(
        f" Of {plural(len(found), 'claim')} of ours, {decided(found)} could be decided." for found, _ in others
    )
    return (
        f"{measured} of {plural(len(claims), 'claim')} of {whose} {'was' if measured == 1 else 'were'} put to the test on "
        f"{plural(ended(results), network)}{examples}; {decided(claims)} could be decided at {results.profile.name}, "
        f"{open_} {'remains' if open_ == 1 else 'remain'} undecided.{own}"
    )


def answer(claims: Sequence[ClaimResult], profile: str) -> tuple[str, str]:
    """Return the answer to one question: in a few words, and the counts behind them in a sentence.

    Args:
        claims: the paper's claims on the question.
        profile: at which they were tested.
    """
    counts = tally(claims)
    held, failed, open_ = counts[Verdict.REPRODUCED], counts[Verdict.CONTRADICTED], counts[Verdict.INCONCLUSIVE]
    left = [f"{open_} undecided" if open_ else "",
            f"{counts[Verdict.NOT_MEASURED]} not measured" if counts[Verdict.NOT_MEASURED] else ""]  # fmt: skip
    rest = f"; {' and '.join(found)} at {profile}" if (found := list(filter(None, left))) else ""
    if not claims:
        return "Not asked", "No claim on it is among these."
    if not held + failed:
        short = "Undecided" if open_ else "Not measured"
        return short, f"None of {plural(len(claims), 'claim')} could be decided{rest}."
    if held and failed:
        short = "In part as the paper says"
        said = f"{held} of {plural(held + failed, 'decided claim')} {'holds' if held == 1 else 'hold'}, {failed} {'does' if failed == 1 else 'do'} not"
    elif held:
        short = "As the paper says, where it could be decided"
        said = "The one decided claim holds" if held == 1 else f"All {held} decided claims hold"
    else:
        short = "Not as the paper says, where it could be decided"
        said = "The one decided claim does not hold" if failed == 1 else f"None of {failed} decided claims holds"
    return short, f"{said}{rest}."


def by_question(claims: Iterable[ClaimResult]) -> dict[str, list[ClaimResult]]:
    """Return the paper's claims by the question they belong to; those of no section of the paper stand apart."""
    found: dict[str, list[ClaimResult]] = {question: [] for question in QUESTIONS.values()}
    for claim in apart(claims)[0]:
        found.setdefault(QUESTIONS.get(claim.paper.section, "Of no question of the paper"), []).append(claim)
    return found if any(found[question] for question in QUESTIONS.values()) else {}


def by_strength(claims: Iterable[ClaimResult]) -> list[ClaimResult]:
    """Return claims in the order of q, then of p; those without come last."""
    return sorted(claims, key=lambda claim: tuple(math.inf if n is None else n for n in (claim.q, claim.p)))


def by_reason(claims: Iterable[ClaimResult]) -> dict[str, list[ClaimResult]]:
    """Return claims that were not measured by what they lack, the most frequent reason first."""
    found: dict[str, list[ClaimResult]] = {}
    for claim in claims:
        reason = REASONS[claim.lack.missing] if claim.lack else "Its test was not run"
        found.setdefault(reason, []).append(claim)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))
