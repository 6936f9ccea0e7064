"""A session whose exit status somebody else chose says what it found all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests import forked

CLAIMS = """
import pytest
from vitwork.language.claim import Paper, claim

PAPER = Paper("Fig. 0", "none")


@claim("wrong", "One is two.", paper=PAPER)
def test_wrong():
    assert 1 == 2


@claim("right", "One is one.", paper=PAPER)
def test_right():
    assert 1 == 1
"""


def project(
    pytester: pytest.Pytester, conftest: str = "", claims: str = CLAIMS, options: Sequence[str] = ()
) -> pytest.RunResult:
    """Run claims by definition and what a conftest adds."""
    pytester.makeconftest(f'pytest_plugins = ["vitwork.plugin"]\n{conftest}')
    pytester.makepyfile(test_claims=claims)
    done = forked.run("pytest", "-p", "no:cacheprovider", *options, cwd=pytester.path)
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), duration=0)


def report(pytester: pytest.Pytester) -> dict:
    (found,) = (pytester.path / ".vitwork").glob("report-*/results.json")
    return json.loads(found.read_text(encoding="utf-8"))


@pytest.mark.parametrize("status", [0, 7])
def test_pytest_exit_keeps_its_status_and_hides_no_contradiction(pytester: pytest.Pytester, status: int) -> None:
    """`pytest.exit(returncode=…)` decides the status, the last line names the contradicted claim, and the report is partial."""
    done = project(
        pytester,
        f"import pytest\ndef pytest_runtest_setup(item):\n    if item.name == 'test_right':\n"
        f"        pytest.exit('enough', returncode={status})",
    )
    assert done.ret == status
    last = [line for line in done.outlines if line.startswith("Report: ")]
    assert len(last) == 1
    assert last[0].startswith(
        f"Report: 1 claim is contradicted at this scale (exit status {status}, chosen by pytest.exit): "
    )
    found = report(pytester)
    assert "ended" in [deviation["change"] for deviation in found["profile"]["deviations"]]
    assert {claim["id"]: claim["verdict"] for claim in found["claims"]} == {
        "wrong": "contradicted",
        "right": "not measured",
    }


def test_pytest_exit_in_a_worker_is_told_of_with_its_status(pytester: pytest.Pytester) -> None:
    """Where xdist breaks off for it, the last line names the contradicted claim, that the session ended early, and the status."""
    stopping = CLAIMS.replace("assert 1 == 1", "pytest.exit('enough', returncode=0)")
    done = project(pytester, claims=stopping, options=["-n", "1"])
    assert done.ret == pytest.ExitCode.INTERNAL_ERROR
    last = [line for line in done.outlines if line.startswith("Report: ")]
    assert len(last) == 1
    assert last[0].startswith(
        "Report: 1 claim is contradicted at this scale and the session did not come to all of its tests (exit status 3): "
    )


def test_a_status_that_a_plugin_replaces_is_said_beside_what_failed(pytester: pytest.Pytester) -> None:
    """Where a hook turns status 1 into 0, the last line still says that a claim is contradicted, and gives the status."""
    done = project(pytester, "def pytest_sessionfinish(session):\n    session.exitstatus = 0")
    assert done.ret == 0
    assert any("1 claim is contradicted at this scale (exit status 0): " in line for line in done.outlines)


UNTOLD = (
    CLAIMS
    + """

@pytest.fixture
def torn():
    yield
    assert 1 == 2


@claim("returned", "One is two, says nobody.", paper=PAPER)
def test_returned():
    return 1 == 2


@claim("undone", "One is one until the end.", paper=PAPER)
def test_undone(torn):
    assert 1 == 1
"""
)


def test_a_property_is_what_its_own_code_found(pytester: pytest.Pytester) -> None:
    """A mark changes no verdict; a test that returns its answer, or fails after it, leaves its claim not measured, each time."""
    marked = UNTOLD.replace("def test_wrong", "@pytest.mark.xfail\ndef test_wrong")
    marked = marked.replace("def test_right", "@pytest.mark.xfail(strict=True)\ndef test_right")
    for _ in range(2):
        done = project(pytester, claims=marked)
        assert done.ret == 1
        said = "1 claim is contradicted at this scale and 3 tests failed for another reason (exit status 1)"
        assert any(line.startswith(f"Report: {said}: ") for line in done.outlines)
        assert {claim["id"]: claim["verdict"] for claim in report(pytester)["claims"]} == {
            "wrong": "contradicted", "right": "reproduced", "returned": "not measured", "undone": "not measured",
        }  # fmt: skip


def test_a_plain_end_says_status_1(pytester: pytest.Pytester) -> None:
    """Without any of that, the status is 1 and nobody chose it."""
    done = project(pytester)
    assert done.ret == 1
    assert any("1 claim is contradicted at this scale (exit status 1): " in line for line in done.outlines)


@pytest.mark.parametrize(
    ("typed", "claims", "said"),
    [
        (("-k", "right and"), CLAIMS, "Wrong expression passed to '-k': right and: *"),
        ((), CLAIMS.replace('"right"', '"wrong"'), "*declare different claims called wrong*"),
    ],
)
def test_a_mistake_that_only_workers_see_is_one_sentence(
    pytester: pytest.Pytester, typed: tuple[str, ...], claims: str, said: str
) -> None:
    """The process that reports collects nothing itself, and xdist says only that a worker left tests behind."""
    result = project(pytester, claims=claims, options=["-n", "1", *typed])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said}"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert not list((pytester.path / ".vitwork").glob("report-*"))
