"""The badge: how many claims hold, as a small SVG for a README."""

from __future__ import annotations

from html import escape

from vitwork.language.document import Results
from vitwork.report.words import tally
from vitwork.statistics.effect import Verdict

GREY, GREEN, RED, AMBER = "#4d535c", "#00704f", "#a63a00", "#7a5f00"


def badge(results: Results) -> str:
    """Return an SVG with the counts of reproduced, contradicted and inconclusive claims."""
    counts = tally(results.claims)
    parts = [("claims", GREY), (f"✓ {counts[Verdict.REPRODUCED]}", GREEN), (f"✗ {counts[Verdict.CONTRADICTED]}", RED)]
    parts.append((f"? {counts[Verdict.INCONCLUSIVE]}", AMBER))
    title = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
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
