"""The Markdown summary for pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vitwork.language.document import ClaimResult, Hypothesis, Results
from vitwork.report import words
from vitwork.report.words import SYMBOLS, duration, effect, ended, plural, spent
from vitwork.statistics.effect import Verdict

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>@&$])")
LONGEST = 240


def plain(text: str) -> str:
    """Return text of others so that Markdown shows it as it is, on one line of bounded length."""
    line = " ".join(str(text).split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    # a mention or an issue number would notify and link: a word joiner keeps it text
    return SPECIAL.sub(r"\\\1", line).replace("@", "@\u2060")


def _counts(claims: Sequence[ClaimResult]) -> str:
    return ", ".join(f"**{count}** {verdict}" for verdict, count in words.tally(claims).items())


def _table(results: Results, claims: Sequence[ClaimResult], hypotheses: Mapping[str, Hypothesis]) -> Iterator[str]:
    """Yield a table of claims that were put to the test."""
    scale = plain(results.profile.name)
    yield f"| | claim | verdict at {scale} | effect [interval] | q | also by Holm | cost |"
    yield "|---|---|---|---|---|---|---|"
    for claim in claims:
        found = [hypotheses[id] for id in claim.hypotheses if id in hypotheses]
        deciding = words.primaries(found)[:4]
        cells = (
            SYMBOLS[claim.verdict],
            plain(claim.id),
            plain("; ".join([claim.verdict, *words.qualifiers(claim, found)])),
            "<br>".join(plain(effect(hypothesis.effect, hypothesis.unit)) for hypothesis in deciding),
            words.probability(claim.q),
            words.by_holm(claim, results),
            spent(claim, whole=True),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _groups(results: Results, claims: Sequence[ClaimResult], hypotheses: Mapping[str, Hypothesis]) -> Iterator[str]:
    """Yield claims as the page orders them: decided, undecided, and by what those lack that were not measured."""
    strong = words.by_strength(claims)
    for title, verdicts in (("Decided", words.DECIDED), ("Undecided, the most telling first", (Verdict.INCONCLUSIVE,))):
        if found := [claim for claim in strong if claim.verdict in verdicts]:
            yield from (f"**{title}**", "", *_table(results, found, hypotheses))
    missing = words.by_reason(claim for claim in claims if claim.verdict is Verdict.NOT_MEASURED)
    if missing:
        yield from ("**Not measured**", "")
        for reason, found in missing.items():
            yield f"- {reason}: {', '.join(plain(claim.id) for claim in found)}"
        yield ""


def markdown(results: Results) -> str:
    """Return the answer, the claims in the order of the page, and where the numbers come from."""
    paper, ours = words.apart(results.claims)
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    provenance = results.provenance
    lines = [f"## {plain(words.headline(results))}", "", f"Of the paper: {_counts(paper)}", ""]
    for question, found in words.by_question(results.claims).items():
        short, said = words.answer(found, results.profile.name)
        lines.append(f"- {question} **{short}.** {plain(said)}")
    lines += ["", *_groups(results, paper, hypotheses)]
    if ours:
        lines += [f"Of ours, which the paper does not make: {_counts(ours)}", "", *_groups(results, ours, hypotheses)]
    commit = provenance.commit[:12] or "outside git"
    changed = ", with uncommitted changes" if provenance.dirty else ""
    told = [f"{words.price(results)}." if words.price(results) else "", words.correction(results)]
    told += [f"{plain(said)}." for said in (words.pooled(results), words.registration(results)) if said]
    lines += [
        *(part for said in told if said for part in (said, "")),
        f"{plural(ended(results), 'run')}; this session took {duration(provenance.seconds)}; commit {plain(commit)}{changed}.",
        "",
    ]
    return "\n".join(lines)
