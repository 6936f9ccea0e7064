"""What published reports found, for the first screen of README: every claim of the paper that one of them decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vitwork.language.document import ClaimResult, Results
from vitwork.report import words
from vitwork.statistics.effect import Verdict


def findings(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: what each report decides, and, folded, a table of those claims with their effects.

    Args:
        reports: each of a profile of its own.
    """
    table = [
        "<details><summary>The sentences and effects of these claims</summary>",
        "",
        *_table(reports),
        "",
        "</details>",
    ]
    return [*_counts(reports), "", *table]


def _counts(reports: Sequence[Results]) -> Iterator[str]:
    for found in reports:
        paper, _ = words.apart(found.claims)
        yield (
            f"- `{found.profile.name}` ({found.profile.summary}): {words.decided(paper)} of "
            f"{words.plural(len(paper), 'claim')} of the paper decided, {words.counted(paper)}."
        )
        for verdict in words.DECIDED:
            if ids := [f"`{claim.id}`" for claim in paper if claim.verdict is verdict]:
                yield f"  - {verdict}: {', '.join(ids)}"


def _table(reports: Sequence[Results]) -> Iterator[str]:
    yield f"| claim of the paper | {' | '.join(f'`{found.profile.name}`' for found in reports)} |"
    yield f"|---|{'---|' * len(reports)}"
    known = [{claim.id: claim for claim in words.apart(found.claims)[0]} for found in reports]
    claims = {id: claim for found in reversed(known) for id, claim in found.items()}
    for id, claim in sorted(claims.items(), key=lambda item: _rank(item[0], known)):
        if any(found[id].verdict in words.DECIDED for found in known if id in found):
            cells = (_cell(found.get(id), results) for found, results in zip(known, reports, strict=True))
            yield f"| {claim.sentence} | {' | '.join(cells)} |"


def _rank(id: str, known: Sequence[dict[str, ClaimResult]]) -> int:
    """Return the place of a claim: what is contradicted anywhere comes first."""
    return 0 if any(id in found and found[id].verdict is Verdict.CONTRADICTED for found in known) else 1


def _cell(claim: ClaimResult | None, results: Results) -> str:
    if claim is None or claim.verdict is Verdict.NOT_MEASURED:
        return "–"
    if claim.verdict is Verdict.INCONCLUSIVE:
        return "inconclusive"
    found = [hypothesis for hypothesis in results.hypotheses if hypothesis.claim == claim.id]
    effect = words.bearing(claim.verdict, found)
    said = f" {words.effect(effect.effect, effect.unit)}" if effect is not None else ""
    return f"**{claim.verdict}**{said}"
