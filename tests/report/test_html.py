"""What every page shares: escaping, and characters that hide."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.report import synthetic
from vitwork.errors import VitworkError
from vitwork.report.html import all_visible, anchors, environment, visible


def test_templates_escape_by_default_and_name_what_they_lack():
    """A forgotten filter shows text, and a forgotten value is an error here, not a gap on the page."""
    made = environment()
    assert made.autoescape is True
    assert made.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(Exception, match="undefined"):
        made.from_string("{{ y }}").render()


def test_hidden_characters_are_made_visible_in_keys_and_values():
    """Direction overrides, control characters and lone surrogates."""
    assert visible({"a\u202e": ["\x00b", 1, "\ud800"]}) == {"a\ufffd": ["\ufffdb", 1, "\ufffd"]}
    assert visible([1, "\u202eevil", 0.5, ["\x00"], None]) == [1, "\ufffdevil", 0.5, ["\ufffd"], None]


def test_results_are_shown_with_the_same_facts():
    """Only texts change, also those of records; a record that never ends is refused in one sentence."""
    results = synthetic.results(seeds=2, claims=2, grid=5)
    shown = all_visible(results)
    assert replace(shown, hypotheses=results.hypotheses) == results
    assert [one.statement for one in shown.hypotheses] == [one.statement for one in results.hypotheses]
    record = replace(results.measurements[0], values={"\u202e": ["\x07"]})
    found = all_visible(replace(results, measurements=(record,)))
    assert found.measurements[0].values == {"\ufffd": ["\ufffd"]}
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(VitworkError, match="nested too deeply"):
        all_visible(replace(results, measurements=(replace(record, values={"x": deep}),)))


@given(st.lists(st.text(max_size=12), max_size=12, unique=True))
def test_anchors_are_plain_and_all_different(names):
    """An id of the page has nothing to escape."""
    found = anchors("claim", names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"claim-[a-z0-9-]*", place) for place in found.values())
    assert anchors("claim", names * 2) == found  # an arm of several claims keeps its own
