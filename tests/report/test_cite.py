"""BibTeX of a report, the suite and the paper."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.report.cite import bibtex


def test_an_entry_names_profile_commit_verdicts_and_results():
    """What a reader needs to find the same numbers."""
    results = synthetic.results(seeds=1, claims=7, grid=5)
    entries = bibtex(results, b"content")
    assert list(entries) == ["This report", "The suite", "The paper"]
    report = entries["This report"]
    assert report.startswith("@misc{vitwork-synthetic-20251009,")
    for part in (
        "at profile synthetic",
        "3 reproduced, 1 contradicted",
        "commit 0123456789ab",
        hashlib.sha256(b"content").hexdigest(),
    ):
        assert part in report
    assert "version = {0.1.0}" in entries["The suite"]
    assert "eprint = {2202.06709}" in entries["The paper"]


@given(st.text(max_size=60))
def test_no_name_breaks_out_of_an_entry(name):
    """Braces, backslashes and percent signs of others are left out: every entry has balanced braces and its own fields."""
    results = synthetic.profile_of(synthetic.results(seeds=1, claims=1, grid=5), name=name)
    report = bibtex(results, b"")["This report"]
    assert report.count("{") == report.count("}") == 7
    assert not re.search(r"[\\\\%#$&]", report)
