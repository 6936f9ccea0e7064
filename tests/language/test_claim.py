from __future__ import annotations

import ast
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vitwork.language.claim import Claim, Paper, claim, combine
from vitwork.statistics.effect import Verdict

VERDICTS = st.lists(st.sampled_from(Verdict), min_size=1, max_size=6)


def test_decorator_marks_the_test_with_its_claim() -> None:
    """The plugin finds the whole declaration on the test function."""

    @claim("some-id", "A sentence.", paper=Paper("Fig. 1", "3"), rule="any")
    def test() -> None: ...

    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    assert mark.args == (Claim("some-id", "A sentence.", Paper("Fig. 1", "3"), rule="any"),)


@given(VERDICTS)
def test_all_needs_every_hypothesis(verdicts: list[Verdict]) -> None:
    """A claim that says 'all' fails with one contradicted hypothesis and holds with every one reproduced."""
    found = combine(verdicts, "all")
    assert (found is Verdict.CONTRADICTED) == (Verdict.CONTRADICTED in verdicts)
    assert (found is Verdict.REPRODUCED) == (set(verdicts) == {Verdict.REPRODUCED})


@given(VERDICTS)
def test_any_needs_one_hypothesis(verdicts: list[Verdict]) -> None:
    """A claim that says 'any' holds with one reproduced hypothesis and fails only with every one contradicted."""
    found = combine(verdicts, "any")
    assert (found is Verdict.REPRODUCED) == (Verdict.REPRODUCED in verdicts)
    assert (found is Verdict.CONTRADICTED) == (set(verdicts) == {Verdict.CONTRADICTED})


@given(VERDICTS, st.sampled_from(["all", "any"]))
def test_nothing_measured_is_said_as_such(verdicts: list[Verdict], rule: vitwork.language.claim.Rule) -> None:
    """A claim is 'not measured' exactly when none of its hypotheses was."""
    found = combine(verdicts, rule)
    assert (found is Verdict.NOT_MEASURED) == (set(verdicts) == {Verdict.NOT_MEASURED})


def test_combining_nothing_is_not_measured() -> None:
    """A claim without hypotheses decides nothing."""
    assert combine([]) is Verdict.NOT_MEASURED


def test_the_vocabulary_imports_nothing_of_ours() -> None:
    """The vocabulary stays at the bottom of the import order."""
    tree = ast.parse(Path(vitwork.language.claim.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(str(module).startswith("vitwork") for module in modules)
