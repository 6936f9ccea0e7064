"""The published reports of this repository, judged again by the claims of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitwork.evidence.rejudge import rejudge
from vitwork.facts.checks import Agreement
from vitwork.report.document import read
from vitwork.session.collecting import collect, read_claims
from vitwork.session.from_report import ReportPlan, profile_of

ROOT = Path(__file__).parents[2]
REPORTS = sorted((ROOT / "reports" / "published").glob("*/results.json"))


@pytest.fixture(scope="module")
def tests() -> list[pytest.Item]:
    """Return the tests of all claims."""
    return collect([ROOT / "claims"])


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_published_verdicts_follow_from_published_values(path: Path, tests: list[pytest.Item]) -> None:
    """No published verdict, value, margin or reason is another one when it is judged again; what older code left out is named."""
    report = read(path)
    profile = profile_of(report)
    found = rejudge(ReportPlan(profile, report=report).read(read_claims(tests, profile)))
    assert found.those(Agreement.DIFFERENT, Agreement.NUMBERS) == ()
    assert all(claim.lack is not None for claim in found.those(Agreement.LOST))
    assert [claim.claim for claim in found.claims if any(moved.field == "lack" for moved in claim.moved)] == []


def test_there_are_published_reports() -> None:
    """The reports that README shows are there."""
    assert {"smoke", "cifar10-micro"} <= {path.parent.name for path in REPORTS}
