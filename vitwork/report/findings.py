"""What published reports found: a few lines for the first screen of README, and a page of every claim that one decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.statistics.effect import Verdict

HEADLINES = (
    "landscape-vit-flatter",
    "local-msa-error",
    "msa-lowpass",
    "stage-end-not-model-end",
    "alternet-beats-cnn-small-data",
)
"""What the paper's abstract says: flat losses, local attention, low-pass filters, ends of stages, and AlterNet."""
MOST = 3
"""Claims that hold everywhere and stand beside the headlines."""
ROWS = (
    "The paper’s main claims, then all others that several scales decide and each of these contradicts, then the {MOST} that most "
    "scales reproduce, by the smallest q."
)
"""Which claims the table of a summary has, by which rule."""


def summary(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: the answer, how much each report decides, and a table of claims.

    These are the paper's headlines, the claims that are contradicted wherever they are decided, and the strongest of those
    that hold everywhere.

    Args:
        reports: each of a profile of its own.
    """
    reports = by_size(reports)
    sentences, alike = _sentences(reports), agreed(reports)
    strongest = sorted(set(alike["each"]) - set(HEADLINES), key=lambda claim: _weakest(claim, reports))[:MOST]
    shown = dict.fromkeys(id for id in (*HEADLINES, *alike["none"], *strongest) if id in sentences)
    counts = [f"- {_count(found)}" for found in reports]
    table = _table(reports, {id: sentences[id] for id in shown}, statements=False)
    return [" ".join(answer(reports, mark="`")), "", *counts, "", ROWS.format(MOST=MOST), "", *table]


def page(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: the answer, the claims that each report decides, by name, and a table of them with their effects.

    Args:
        reports: each of a profile of its own.
    """
    reports = by_size(reports)
    decided = {id: found for id, found in _sentences(reports).items() if _decided(id, reports)}
    contradicted_first = dict(sorted(decided.items(), key=lambda item: not _contradicted(item[0], reports)))
    return [
        *(" ".join(answer(reports, mark="`")), "", *_names(reports), ""),
        *_table(reports, contradicted_first, statements=True),
    ]


def by_size(reports: Iterable[Results]) -> list[Results]:
    """Return reports in the order in which they are read: that of the largest networks first."""
    return sorted(reports, key=lambda found: (-largest(found), found.profile.name))


def largest(results: Results) -> int:
    """Return the parameters of the largest network; 0 where none was run."""
    return max((run.parameters for run in results.runs if run.parameters), default=0)


def agreed(reports: Sequence[Results]) -> dict[str, list[str]]:
    """Return the paper's claims that networks decide in several reports by what became of them.

    Those that hold in each of these, those that hold in none, and those that hold in some. Of a single report it is the one
    that decides.
    """
    alike: dict[str, list[str]] = {"each": [], "none": [], "some": []}
    for id in _sentences(reports):
        found = [verdict for verdict in _verdicts(id, reports) if verdict in words.DECIDED]
        if len(found) >= min(2, len(reports)) and _tested(id, reports):
            held = [verdict is Verdict.REPRODUCED for verdict in found]
            alike["each" if all(held) else "some" if any(held) else "none"].append(id)
    return alike


def answer(reports: Sequence[Results], mark: str = "") -> list[str]:
    """Return in sentences how many of the decided claims hold at which scale, and whether that says anything of the paper's.

    Args:
        reports: with the largest networks first.
        mark: what a profile's name stands in.
    """
    scales: list[str] = []
    for found in reports:
        paper, _ = words.apart(found.claims)
        held, hold = words.tally(paper)[Verdict.REPRODUCED], "" if scales else " hold"
        scales.append(f"{held} of {words.decided(paper)}{hold} at {mark}{found.profile.name}{mark}")
    said = [f"Of the paper’s claims that could be decided, {_and(scales)}."]
    alike = agreed(reports)
    if len(reports) > 1 and (several := sum(map(len, alike.values()))):
        counts = [
            f"{len(ids)}{'' if place else ' hold'} at {which}" for place, (which, ids) in enumerate(alike.items())
        ]
        said.append(f"Of {several} that networks decide at several of these scales, {_and(counts)} of them.")
    sides = sorted({found.profile.pixels for found in reports if found.profile.pixels})
    if reports and all(found.profile.pixels for found in reports):
        pixels = _and([f"{side}×{side}" for side in sides])
        most = words.quantity(max(map(largest, reports)) / 1e6, 2)
        said.append(
            f"All of it is at {pixels} pixels and at most {most} million parameters: whether it carries over to the paper’s scale "
            "is untested."
        )
    return said


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _tested(id: str, reports: Sequence[Results]) -> bool:
    """Return whether a claim rests on networks: a property that is checked on examples holds at no scale in particular."""
    return any(claim.hypotheses for found in reports for claim in found.claims if claim.id == id)


def _weakest(id: str, reports: Sequence[Results]) -> tuple[int, float]:
    """Return how strongly reports decide a claim: how many leave it open, and the largest q of those that do not."""
    found = [
        claim for report in reports for claim in report.claims if claim.id == id and claim.verdict in words.DECIDED
    ]
    return -len(found), max(1.0 if claim.q is None else claim.q for claim in found)


def _count(found: Results) -> str:
    paper, _ = words.apart(found.claims)
    return (
        f"`{found.profile.name}` ({words.summary(found)}): {words.decided(paper)} of "
        f"{words.plural(len(paper), 'claim')} of the paper decided{words.properties(paper)}: {words.counted(paper)}."
    )


def _names(reports: Sequence[Results]) -> Iterator[str]:
    for found in reports:
        yield f"- {_count(found)}"
        for verdict in words.DECIDED:
            if ids := [f"`{claim.id}`" for claim in words.apart(found.claims)[0] if claim.verdict is verdict]:
                yield f"    - {verdict}: {', '.join(ids)}"


def _sentences(reports: Sequence[Results]) -> dict[str, str]:
    """Return the sentences of the paper's claims by their names, in the order of the first report that has them."""
    return {claim.id: claim.sentence for found in reversed(reports) for claim in words.apart(found.claims)[0]}


def _verdicts(id: str, reports: Sequence[Results]) -> list[Verdict]:
    return [claim.verdict for found in reports for claim in found.claims if claim.id == id]


def _decided(id: str, reports: Sequence[Results]) -> bool:
    return any(verdict in words.DECIDED for verdict in _verdicts(id, reports))


def _contradicted(id: str, reports: Sequence[Results]) -> bool:
    return Verdict.CONTRADICTED in _verdicts(id, reports)


def _table(reports: Sequence[Results], sentences: dict[str, str], *, statements: bool) -> Iterator[str]:
    """Yield a table of claims by report: verdicts, effects, and of what these are.

    That is left out, unless `statements` are asked for, of claims of one comparison, which their sentence states.
    """
    yield f"| claim of the paper | {' | '.join(f'`{found.profile.name}`' for found in reports)} |"
    yield f"|---|{'---|' * len(reports)}"
    for id, sentence in sentences.items():
        rows = [decision(id, found) for found in reports]
        usual = stated(rows, every=statements)
        cells = (row.cell(usual or row.statement) for row in rows)
        yield f"| {sentence}{usual and f'<br>{_formula(usual)}'} | {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a report found of a claim.

    Attributes:
        verdict: the claim's.
        statement: the comparison that bears a verdict that decides; empty without one.
        several: whether the claim rests on others, too.
        effect: its effect, with the margin where that is not nothing.
        qualifiers: what is said beside the verdict.
    """

    verdict: Verdict
    statement: str = ""
    several: bool = False
    effect: str = ""
    qualifiers: tuple[str, ...] = ()

    def cell(self, known: str) -> str:
        """Return all of it but a statement that is known."""
        compared = f" {_formula(self.statement)}:" if self.statement not in ("", known) else ""
        verdict = f"**{self.verdict}**" if self.verdict in words.DECIDED else str(self.verdict)
        return "; ".join([f"{verdict}{compared}{self.effect and f' {self.effect}'}", *self.qualifiers])


def decision(id: str, results: Results) -> Decision:
    """Return what a report found of a claim, with effect and qualifiers where it is decided."""
    claim: ClaimResult | None = next((each for each in results.claims if each.id == id), None)
    if claim is None or claim.verdict not in words.DECIDED:
        return Decision(Verdict.NOT_MEASURED if claim is None else claim.verdict)
    found = list(map(words.from_zero, results.hypotheses_of(claim)))
    qualifiers = words.qualifiers(claim, found, results.quantities)
    if (borne := words.bearing(claim.verdict, found)) is None:
        return Decision(claim.verdict, qualifiers=qualifiers)
    several = len(words.primaries(found)) > 1
    return Decision(claim.verdict, _compared(borne), several, words.found_of(borne), qualifiers)


def stated(found: Iterable[Decision], *, every: bool = False) -> str:
    """Return the comparison to stand beside a claim's sentence: where there are several, unless `every` one is asked for."""
    return next((one.statement for one in found if one.statement and (every or one.several)), "")


def _compared(hypothesis: Hypothesis) -> str:
    """Return what is compared, with when; which parameter of its test it stands for, a reader does not need."""
    when = hypothesis.parameters.get("when")
    at = "" if when is None else f" ({words.snapshot(str(when))})"
    return f"{words.formula(hypothesis)}{at}"


def _formula(statement: str) -> str:
    escaped = statement.replace("|", r"\|")
    return f"`{escaped}`"
