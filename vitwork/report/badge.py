"""The badge: how many claims hold, as a small SVG for a README."""

from __future__ import annotations

from html import escape

from vitwork.facts.document import Results
from vitwork.report.words import apart, counted, tally
from vitwork.statistics.effect import Verdict

GREY, GREEN, RED, AMBER = "#4d535c", "#00704f", "#a63a00", "#7a5f00"
LONGEST = 24
"""Letters of a profile's name that the badge shows."""


def badge(results: Results) -> str:
    """Return an SVG with the counts of reproduced, contradicted and inconclusive claims of the paper, and their scale."""
    paper, ours = apart(results.claims)
    counts, scale = tally(paper), results.profile.name[:LONGEST]
    parts = [
        (f"claims at {scale}", GREY),
        (f"✓ {counts[Verdict.REPRODUCED]}", GREEN),
        (f"✗ {counts[Verdict.CONTRADICTED]}", RED),
    ]
    parts.append((f"? {counts[Verdict.INCONCLUSIVE]}", AMBER))
    title = f"claims of the paper at {scale}: {counted(paper) or 'none'}{f'; of ours: {counted(ours)}' if ours else ''}"
    x, drawn = 0, []
    for text, colour in parts:
        width = 14 + 7 * len(text)
        drawn.append(f'<rect x="{x}" width="{width}" height="20" fill="{colour}"/>')
        drawn.append(f'<text x="{x + width / 2}" y="14" text-anchor="middle">{escape(text)}</text>')
        x += width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x}" height="20" role="img" aria-label="{escape(title)}">'
        f'<title>{escape(title)}</title><clipPath id="r"><rect width="{x}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{"".join(drawn)}</g></svg>\n'
    )
