"""The Markdown summary."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.report.summary import markdown, plain


@given(st.text(max_size=80))
def test_the_summary_keeps_its_table_whatever_a_claim_is_called(text):
    """No pipe, line break, mention or tag gets out of a cell."""
    shown = plain(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[|<>`\[]", shown)
    assert not re.search(r"@\w", shown)


def test_the_summary_has_a_row_per_claim():
    """Counts first, then every claim."""
    full = synthetic.results(seeds=2, grid=5)
    lines = markdown(full).splitlines()
    assert "**29** reproduced, **9** contradicted, **18** inconclusive, **9** not measured" in lines
    assert sum(line.startswith("| ") for line in lines) == len(full.claims) + 1
