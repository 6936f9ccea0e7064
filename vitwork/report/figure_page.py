"""A page of figures that is no session's report: what a command of its own shows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from vitwork.report.figures.base import Figure
from vitwork.report.html import anchors, environment, visible
from vitwork.report.page_files import PageFiles


def sheet(template: str, figures: Mapping[str, Figure], **values: Any) -> bytes:
    """Return a page; whatever could hide or reorder text in its values is replaced.

    Every table is a link by itself and no surface turns: the page has no script but that of the theme.

    Args:
        template: its file in `vitwork/report/templates`.
        figures: by title, with the data behind them.
        **values: what else the template takes: texts, numbers, and lists and mappings of them.
    """
    packed = PageFiles(largest=sys.maxsize)
    drawn = [
        {
            "title": title,
            "note": figure.note,
            "legend": figure.legend,
            "panels": figure.panels,
            "turnable": (),
            "rows": figure.rows,
            "csv": packed.table(figure.header, figure.rows),
        }
        for title, figure in figures.items()
    ]
    names = anchors("figure", figures)
    shown = {name: visible(value) for name, value in values.items()}
    made = environment().get_template(template)
    return made.render(figures=drawn, anchors=names, scripts=("theme.js",), **shown).encode()
