"""What published reports found: a few lines for the first screen of README, and a page of every claim that one decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vitwork.language.document import ClaimResult, Results
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
    return [*counts, "", *_table(reports, {id: sentences[id] for id in HEADLINES if id in sentences})]


def page(reports: Sequence[Results]) -> list[str]:
    """Return lines of Markdown: the claims that each report decides, by name, and a table of them with their effects.

    Args:
        reports: each of a profile of its own.
    """
    decided = {id: found for id, found in _sentences(reports).items() if _decided(id, reports)}
    contradicted_first = dict(sorted(decided.items(), key=lambda item: not _contradicted(item[0], reports)))
    return [*_names(reports), "", *_table(reports, contradicted_first)]


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


def _table(reports: Sequence[Results], sentences: dict[str, str]) -> Iterator[str]:
    yield f"| claim of the paper | {' | '.join(f'`{found.profile.name}`' for found in reports)} |"
    yield f"|---|{'---|' * len(reports)}"
    for id, sentence in sentences.items():
        yield f"| {sentence} | {' | '.join(_cell(id, found) for found in reports)} |"


def _cell(id: str, results: Results) -> str:
    claim: ClaimResult | None = next((each for each in results.claims if each.id == id), None)
    if claim is None:
        return "not measured"
    if claim.verdict not in words.DECIDED:
        return str(claim.verdict)
    found = [hypothesis for hypothesis in results.hypotheses if hypothesis.claim == claim.id]
    effect = words.bearing(claim.verdict, found)
    said = f" {words.effect(effect.effect, effect.unit)}" if effect is not None else ""
    return f"**{claim.verdict}**{said}"
