"""The Markdown summary for pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vitwork.facts.claims import ClaimResult
from vitwork.facts.document import Results
from vitwork.report import words
from vitwork.report.words import SYMBOLS, duration, effect, ended, plural, spent
from vitwork.statistics.effect import Verdict

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>@&$])")
LONGEST = 240


def plain(text: str) -> str:
    """Return text of others so that Markdown shows it as it is, on one line of bounded length."""
    line = " ".join(text.split())
    return escaped(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…")


def escaped(text: str) -> str:
    """Return a sentence of ours, whole, so that Markdown shows what it quotes as it is, on one line."""
    # a mention or an issue number would notify and link: a word joiner keeps it text
    return SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("@", "@\u2060")


def _counts(claims: Sequence[ClaimResult]) -> str:
    return ", ".join(f"**{count}** {verdict}" for verdict, count in words.tally(claims).items())


def _table(results: Results, claims: Sequence[ClaimResult]) -> Iterator[str]:
    """Yield a table of claims that were put to the test."""
    scale = plain(results.profile.name)
    yield f"| | claim | verdict at {scale} | effect [interval] | q | also by Holm | cost |"
    yield "|---|---|---|---|---|---|---|"
    for claim in claims:
        found = results.hypotheses_of(claim)
        deciding = words.primaries(found)[:4]
        cells = (
            SYMBOLS[claim.verdict],
            plain(claim.id),
            escaped("; ".join([claim.verdict, *words.qualifiers(claim, found, results.quantities)])),
            "<br>".join(escaped(effect(hypothesis.effect, hypothesis.unit)) for hypothesis in deciding),
            words.probability(claim.q),
            words.by_holm(claim, results),
            spent(claim, whole=True),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _groups(results: Results, claims: Sequence[ClaimResult]) -> Iterator[str]:
    """Yield claims as the page orders them: decided, undecided, and by what those lack that were not measured."""
    strong = words.by_strength(claims)
    for title, verdicts in (("Decided", words.DECIDED), ("Undecided, the most telling first", (Verdict.INCONCLUSIVE,))):
        if found := [claim for claim in strong if claim.verdict in verdicts]:
            yield from (f"**{title}**", "", *_table(results, found))
    missing = words.by_reason(claim for claim in claims if claim.verdict is Verdict.NOT_MEASURED)
    if missing:
        yield from ("**Not measured**", "")
        for reason, found in missing.items():
            yield f"- {reason}: {', '.join(plain(claim.id) for claim in found)}"
        yield ""


def markdown(results: Results) -> str:
    """Return the answer, the claims in the order of the page, and where the numbers come from."""
    paper, ours = words.apart(results.claims)
    provenance = results.provenance
    part = escaped(" ".join(words.part(results)))
    lines = [f"## {escaped(words.headline(results))}", "", *([part, ""] if part else [])]
    lines += [f"Of the paper: {_counts(paper)}", ""]
    for question, found in words.by_question(results.claims).items():
        short, said = words.answer(found, results.profile.name)
        lines.append(f"- {question} **{short}.** {escaped(said)}".rstrip())
    lines += ["", *_groups(results, paper)]
    if ours:
        lines += [f"Of ours, which the paper does not make: {_counts(ours)}", "", *_groups(results, ours)]
    commit = provenance.commit[:12] or "outside git"
    changed = ", with uncommitted changes" if provenance.dirty else ""
    price = f"{price}." if (price := words.price(results)) else ""
    lines += [
        *(part for said in (price, words.correction(results)) if said for part in (said, "")),
        f"{plural(ended(results), 'run')}; this session took {duration(provenance.seconds)}; commit {plain(commit)}{changed}.",
        "",
    ]
    return "\n".join(lines)
