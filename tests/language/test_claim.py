from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.language.claim import Claim, Paper, claim, combine
from vitwork.statistics.effect import Verdict

VERDICTS = st.lists(st.sampled_from(Verdict), min_size=1, max_size=6)


def test_decorator_marks_the_test_with_its_claim() -> None:
    """The plugin finds the whole declaration on the test function."""

    @claim("some-id", "A sentence.", paper=Paper("Fig. 1", "3"), confounds=("size",))
    def test() -> None: ...

    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    assert mark.args == (Claim("some-id", "A sentence.", Paper("Fig. 1", "3"), confounds=("size",)),)


@pytest.mark.parametrize(
    "odd", [{"id": 5}, {"sentence": 5}, {"paper": "Fig. 1"}, {"confounds": "size"}, {"paper": Paper("Fig. 1", 3)}]
)
def test_a_declaration_that_no_report_could_hold_is_refused(odd: dict[str, Any]) -> None:
    """A mistake in a claim is one of its own file, found when that is imported."""
    with pytest.raises(TypeError, match=r"^The claim .* cannot be declared: Expected"):
        claim(**{"id": "some-id", "sentence": "A sentence.", "paper": Paper("Fig. 1", "3")} | odd)


@given(VERDICTS)
def test_a_claim_needs_every_hypothesis(verdicts: list[Verdict]) -> None:
    """A claim fails with one contradicted hypothesis and holds with every one reproduced."""
    found = combine(verdicts)
    assert (found is Verdict.CONTRADICTED) == (Verdict.CONTRADICTED in verdicts)
    assert (found is Verdict.REPRODUCED) == (set(verdicts) == {Verdict.REPRODUCED})


@given(VERDICTS)
def test_what_is_missing_never_makes_a_verdict_better(verdicts: list[Verdict]) -> None:
    """A claim that lacks a hypothesis is contradicted by what was measured, or not measured."""
    assert combine([*verdicts, Verdict.NOT_MEASURED]) in {Verdict.CONTRADICTED, Verdict.NOT_MEASURED}
    assert (combine(verdicts) is Verdict.NOT_MEASURED) == (
        Verdict.NOT_MEASURED in verdicts and Verdict.CONTRADICTED not in verdicts
    )


def test_combining_nothing_is_not_measured() -> None:
    """A claim without hypotheses decides nothing."""
    assert combine([]) is Verdict.NOT_MEASURED
