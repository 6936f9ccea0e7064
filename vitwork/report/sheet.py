"""A page of figures that is no session's report: what a command of its own shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vitwork.report.csv_link import Tables
from vitwork.report.figures.base import Figure
from vitwork.report.html import environment, visible


def sheet(template: str, figures: Sequence[Figure], **values: Any) -> bytes:
    """Return a page; whatever could hide or reorder text in its values is replaced.

    Every table is a link by itself and no surface turns: the page has no script but that of the theme.

    Args:
        template: its file in `vitwork/report/templates`.
        figures: with the data behind them.
        **values: what else the template takes: texts, numbers, and lists and mappings of them.
    """
    tables = Tables(largest=sys.maxsize)
    drawn = [
        {
            "title": figure.title,
            "note": figure.note,
            "legend": figure.legend,
            "panels": [replace(panel, surface="") for panel in figure.panels],
            "rows": figure.rows,
            "csv": tables.link(figure.header, figure.rows),
            "file": f"figure-{place}.csv",
        }
        for place, figure in enumerate(figures, start=1)
    ]
    shown = {name: visible(value) for name, value in values.items()}
    return environment().get_template(template).render(figures=drawn, scripts=("theme.js",), **shown).encode()
