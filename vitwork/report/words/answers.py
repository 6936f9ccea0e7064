"""What a report answers: the headline with its scale, the paper's three questions, and in which groups claims come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vitwork.design.deviation import Missing
from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import Results
from vitwork.report.words.numbers import plural, sentence
from vitwork.report.words.sentences import sizes
from vitwork.report.words.verdicts import DECIDED, apart, decided, ended, properties, sides, tally, untrained
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
    pixels = results.profile.pixels
    parts = [f"{pixels}×{pixels} pixels" if pixels else "", sizes(results)]
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
    """Return in a sentence on how many networks how many claims were decided and hold, and how many are left open."""
    claims, _ = sides(results.claims)[0]
    counts, found, examples = tally(claims), decided(claims), untrained(claims)
    held, failed, open_ = counts[Verdict.REPRODUCED], counts[Verdict.CONTRADICTED], counts[Verdict.INCONCLUSIVE]
    networks = plural(ended(results), f"{'published' if results.profile.loaded else 'trained'} network")
    became = [f"{held} {'holds' if held == 1 else 'hold'}"] * bool(held)
    became += [f"{failed} {'does' if failed == 1 else 'do'} not"] * bool(failed)
    left = f"; {open_} {'remains' if open_ == 1 else 'remain'} undecided" if open_ else ""
    without = f", and {examples} on examples, without training" if examples else ""
    on_networks = plural(found - examples, "claim") if found > examples else "no claim"
    said = f"{on_networks} could be decided{without}{': ' if became else ''}{' and '.join(became)}"
    return f"On {networks} {said}{left}."


def tested(results: Results) -> str:
    """Return how many claims were put to the test, of the paper and of ours."""
    said = [
        f"{len(claims) - tally(claims)[Verdict.NOT_MEASURED]} of {plural(len(claims), 'claim')} of {whose} put to the test, "
        f"{decided(claims)} decided{properties(claims)}"
        for claims, whose in sides(results.claims)
    ]
    return "; ".join(said)


def answer(claims: Sequence[ClaimResult], profile: str) -> tuple[str, str]:
    """Return the answer to one question: how many of its decided claims hold, and what is left open.

    Args:
        claims: the paper's claims on the question.
        profile: at which they were tested.
    """
    counts = tally(claims)
    held, found = counts[Verdict.REPRODUCED], decided(claims)
    left = {"undecided": counts[Verdict.INCONCLUSIVE], "not measured": counts[Verdict.NOT_MEASURED]}
    rest = " and ".join(f"{count} {what}" for what, count in left.items() if count)
    said = f"{sentence(rest)} at {profile}." if rest else ""
    if not claims:
        return "Not asked", "No claim on it is among these."
    if not found:
        return "Undecided" if counts[Verdict.INCONCLUSIVE] else "Not measured", said
    if found == 1:
        return f"The one decided claim {'holds' if held else 'does not hold'}", said
    if not held:
        return f"None of {found} decided claims holds", said
    return f"{'All' if held == found else f'{held} of'} {found} decided claims {'holds' if held == 1 else 'hold'}", said


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
