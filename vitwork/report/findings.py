"""What published reports found: a few lines for the first screen of README, and a page of every claim that one decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from vitwork.facts.claims import ClaimResult
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


def summary(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: how much each report decides, and a table of what became of the paper's headlines.

    Args:
        reports: each of a profile of its own.
    """
    counts = [f"- {_count(found)}" for found in reports]
    sentences = _sentences(reports)
    return [*counts, "", *_table(reports, {id: sentences[id] for id in HEADLINES if id in sentences}, statements=False)]


def page(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: the claims that each report decides, by name, and a table of them with their effects.

    Args:
        reports: each of a profile of its own.
    """
    decided = {id: found for id, found in _sentences(reports).items() if _decided(id, reports)}
    contradicted_first = dict(sorted(decided.items(), key=lambda item: not _contradicted(item[0], reports)))
    return [*_names(reports), "", *_table(reports, contradicted_first, statements=True)]


def _count(found: Results) -> str:
    paper, _ = words.apart(found.claims)
    return (
        f"`{found.profile.name}` ({found.profile.summary}): {words.decided(paper)} of "
        f"{words.plural(len(paper), 'claim')} of the paper decided{words.by_definition(paper)}: {words.counted(paper)}."
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
    """Yield a table of claims by report: verdicts, effects, and of what these are where `statements` are asked for."""
    yield f"| claim of the paper | {' | '.join(f'`{found.profile.name}`' for found in reports)} |"
    yield f"|---|{'---|' * len(reports)}"
    for id, sentence in sentences.items():
        rows = [_found(id, found) for found in reports]
        usual = next((row.statement for row in rows if statements and row.statement), "")
        cells = (row.cell(usual) if statements else row.cell(row.statement) for row in rows)
        yield f"| {sentence}{usual and f'<br>{_formula(usual)}'} | {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class _Found:
    """What a report found of a claim: the comparison that bears a verdict, and the verdict, effect and qualifiers in words."""

    verdict: str
    statement: str = ""
    effect: str = ""
    qualifiers: tuple[str, ...] = ()

    def cell(self, known: str) -> str:
        """Return all of it but a statement that is known."""
        compared = f" {_formula(self.statement)}:" if self.statement not in ("", known) else ""
        return "; ".join([f"{self.verdict}{compared}{self.effect and f' {self.effect}'}", *self.qualifiers])


def _found(id: str, results: Results) -> _Found:
    claim: ClaimResult | None = next((each for each in results.claims if each.id == id), None)
    if claim is None or claim.verdict not in words.DECIDED:
        return _Found(str(Verdict.NOT_MEASURED if claim is None else claim.verdict))
    found = results.hypotheses_of(claim)
    # Which controls a profile cannot have says nothing of what was found.
    verdict, qualifiers = f"**{claim.verdict}**", words.qualifiers(structs.replace(claim, unmeasured=()), found)
    if (borne := words.bearing(claim.verdict, found)) is None:
        return _Found(verdict, qualifiers=qualifiers)
    return _Found(verdict, words.compared(borne), words.effect(borne.effect, borne.unit), qualifiers)


def _formula(statement: str) -> str:
    escaped = statement.replace("|", r"\|")
    return f"`{escaped}`"
