"""The Markdown summary for pull requests and job summaries."""

from __future__ import annotations

import re

from vitwork.language.document import Results
from vitwork.report.words import SYMBOLS, duration, effect, plural, spent, tally

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>@&$])")
LONGEST = 240


def plain(text: str) -> str:
    """Return text of others so that Markdown shows it as it is, on one line of bounded length."""
    line = " ".join(str(text).split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    # a mention or an issue number would notify and link: a word joiner keeps it text
    return SPECIAL.sub(r"\\\1", line).replace("@", "@\u2060")


def markdown(results: Results) -> str:
    """Return the counts, a table of claims and where the numbers come from."""
    counts = tally(results.claims)
    hypotheses = {hypothesis.id: hypothesis for hypothesis in results.hypotheses}
    provenance = results.provenance
    lines = [
        f"## Claims at profile {plain(results.profile.name)}",
        "",
        ", ".join(f"**{count}** {verdict}" for verdict, count in counts.items()),
        "",
        "| | claim | verdict | effect [interval] | cost |",
        "|---|---|---|---|---|",
    ]
    for claim in results.claims:
        found = [hypotheses[id] for id in claim.hypotheses if id in hypotheses]
        effects = "<br>".join(plain(effect(hypothesis.effect, hypothesis.unit)) for hypothesis in found[:4])
        cells = (
            SYMBOLS[claim.verdict],
            plain(claim.id),
            claim.verdict,
            effects,
            spent(claim, whole=True),
        )
        lines.append(f"| {' | '.join(cells)} |")
    commit = provenance.commit[:12] or "outside git"
    changed = ", with uncommitted changes" if provenance.dirty else ""
    lines += [
        "",
        f"{plural(len(results.runs), 'run')} in {duration(provenance.seconds)}; commit {plain(commit)}{changed}.",
        "",
    ]
    return "\n".join(lines)
