"""The Markdown summary."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.report import synthetic
from vitwork.design.deviation import Change, Deviation
from vitwork.report import words
from vitwork.report.summary import LONGEST, escaped, markdown, plain


@given(st.text(max_size=80))
def test_the_summary_keeps_its_table_whatever_a_claim_is_called(text):
    """No pipe, line break, mention or tag gets out of a cell."""
    for shown in (plain(text), escaped(text)):
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)[|<>`\[]", shown)
        assert not re.search(r"@\w", shown)


def test_a_part_of_the_tests_says_so_and_no_sentence_of_ours_is_cut():
    """All that the page says of a partial report stands below the headline, however long; names of others are cut."""
    some = synthetic.results(seeds=2, claims=3, grid=5)
    part = synthetic.profile_of(some, deviations=(Deviation(Change.CHOSEN), Deviation(Change.ENDED)))
    said = " ".join(words.part(part))  # the page has what is partial on top and the registration in its provenance
    assert len(said) > LONGEST
    assert markdown(part).replace("\\", "").splitlines()[2] == said
    assert "partial" not in markdown(some)
    assert len(plain("x" * 1000)) == LONGEST


def test_the_summary_answers_first_and_names_every_claim():
    """Headline, questions, a row per claim that was put to the test, the others by what they lack; ours apart."""
    full = synthetic.results(seeds=2, grid=5)
    lines = markdown(full).splitlines()
    assert lines[0].startswith(
        "## Of 65 claims of “How Do Vision Transformers Work?”, 29 are reproduced and 9 are contradicted at"
    )
    assert "Of the paper: **29** reproduced, **9** contradicted, **18** inconclusive, **9** not measured" in lines
    asked = [line for line in lines if line.startswith("- ") and "?" in line]
    assert asked[1].startswith("- Do MSAs act like Convs? **6 of 8 decided claims hold.**")
    assert len(asked) == 3
    ours = lines.index(
        "Of ours, which the paper does not make: **1** reproduced, **1** contradicted, **1** inconclusive, **0** not measured"
    )
    for part, tables, rows in ((lines[:ours], 2, 29 + 9 + 18), (lines[ours:], 2, 3)):
        assert sum(line.startswith("| ") for line in part) == rows + tables
    assert (
        lines.index("**Decided**")
        < lines.index("**Undecided, the most telling first**")
        < lines.index("**Not measured**")
    )
    (missing,) = (line for line in lines if line.startswith("- An arm is needed that the profile does not have: "))
    assert missing.count(",") == 9 - 1


def test_a_row_has_verdict_qualifiers_and_q():
    """The effects are of what decides; earlier results have no q."""
    some = synthetic.results(seeds=2, claims=3, grid=5)
    row = next(line for line in markdown(some).splitlines() if "hessian-vit-smaller" in line).replace("\\", "")
    assert (
        f"| reproduced; control: but not {synthetic.BATCHNORM}; control: not measured at matched training loss |" in row
    )
    assert "| ×0.368 [0.223, 0.607]<br>×0.368 [0.223, 0.607] | 0.006 | no |" in row
    assert "| – | – |" in markdown(synthetic.earlier(some))
