"""From findings to pytest's outcomes: a test passes, fails, is expected to fail or is skipped, with its reason in one line."""

from __future__ import annotations

from typing import NoReturn

import pytest

from vitwork.design.deviation import Missing
from vitwork.report import words
from vitwork.session.baseline import Changes
from vitwork.session.findings import Finding
from vitwork.statistics.effect import Verdict


def deliver(finding: Finding, changes: Changes | None) -> None:
    """End a test with the outcome of its finding; returns if the finding is reproduced.

    Args:
        finding: the test's finding.
        changes: what changed since the baseline; None without a baseline. With one, a test fails if something changed,
            and a claim that the baseline already contradicts in its own entry is expected to fail.
    """
    if finding.lack is not None and finding.lack.missing is Missing.FAULT:
        pytest.fail(f"not measured: {words.lack(finding.lack)}", pytrace=False)
    if changes is not None and (changed := changes.failing(finding)):
        pytest.fail(f"changed since the baseline: {'; '.join(changed)}", pytrace=False)
    if finding.lack is not None:
        raise pytest.skip.Exception(f"not measured: {words.lack(finding.lack)}", _use_item_location=True)
    if finding.verdict is Verdict.CONTRADICTED and finding.qualifies:
        _expect(f"a control, which does not decide: {_reasons(finding)}")
    if finding.verdict is Verdict.CONTRADICTED:
        if changes is not None and changes.excuse(finding):
            _expect("contradicted, as in the baseline")
        pytest.fail(_reasons(finding), pytrace=False)
    if finding.verdict is Verdict.INCONCLUSIVE:
        _expect(f"inconclusive: {_reasons(finding)}")


def _expect(reason: str) -> NoReturn:
    """End a test as an expected failure, without a traceback, for which pytest would parse the test's file."""
    raise pytest.xfail.Exception(reason, pytrace=False)


def _reasons(finding: Finding) -> str:
    """Return the hypotheses behind the verdict, each with its reason."""
    return "; ".join(
        f"{hypothesis.statement}: {words.reason(hypothesis)}"
        for hypothesis in finding.hypotheses
        if hypothesis.effect.verdict is finding.verdict
    )
