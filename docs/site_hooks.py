"""Hooks of the site: formulas become MathML, which browsers draw by themselves, and links out of the pages their text."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

OUTWARD = re.compile(r"(?<!!)\[([^\]]+)\]\((?:\.\./)+(?!decisions/|docs/)[^)]*\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Keep the text of links to files of the repository that are no pages."""
    inside = page.file.src_uri.startswith("decisions/")
    return markdown if inside else OUTWARD.sub(r"\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Write formulas as MathML; one that stands by itself scrolls where a window is narrower."""
    return FORMULA.sub(_formula, html)


def _formula(found: re.Match[str]) -> str:
    if found[2] != "[":
        return convert(unescape(found[3]), display="inline")
    return f'<div style="overflow-x: auto">{convert(unescape(found[3]), display="block")}</div>'
