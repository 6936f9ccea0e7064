"""A part of the tests never passes for the whole: claims by definition, which need no training, and tests that are left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import forked

CONFTEST = 'pytest_plugins = ["vitwork.plugin"]\n'
HEAD = """
import pytest
from vitwork.language.claim import Paper, claim

PAPER = Paper("Fig. 0", "none")

"""
HOLDS = """
@claim("larger", "Two is larger.", paper=PAPER)
def test_larger_but_for_one():
    assert 2 > 1
"""
FAILS = """
@claim("larger", "Two is larger.", paper=PAPER)
def test_larger_than_all():
    assert 2 > 3
"""
OTHER = """
@claim("one", "One is one.", paper=PAPER)
@pytest.mark.parametrize("number", [1, 2])
def test_one(number):
    assert number == number


class TestClass:
    @claim("two", "Two is two.", paper=PAPER)
    def test_first(self):
        assert 2 == 2

    @claim("two", "Two is two.", paper=PAPER)
    def test_second(self):
        assert 2 == 2
"""
WHOLE = {"larger": "contradicted", "one": "reproduced", "two": "reproduced"}


def run(pytester: pytest.Pytester, *arguments: str, status: int = 1) -> pytest.RunResult:
    done = forked.run("pytest", "-p", "no:cacheprovider", *arguments, cwd=Path.cwd())
    assert done.returncode == status, done.stdout
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), duration=0)


def report(folder: Path, name: str = "report-smoke") -> tuple[dict[str, str], list[str]]:
    """Return the verdicts of a report, and how it is marked as one of a part."""
    found = json.loads((folder / ".vitwork" / name / "results.json").read_text(encoding="utf-8"))
    marks = [entry["change"] for entry in found["profile"]["deviations"] if entry["change"] in {"chosen", "ended"}]
    return {claim["id"]: claim["verdict"] for claim in found["claims"]}, marks


@pytest.fixture
def project(pytester: pytest.Pytester, once: Callable[[str, Callable[[Path], object]], Path]) -> pytest.Pytester:
    """A project in one file, and the report of all of its claims."""

    def fill(folder: Path) -> None:
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_claims.py").write_text(HEAD + HOLDS + FAILS + OTHER)
        forked.run("pytest", "-p", "no:cacheprovider", cwd=folder)
        assert report(folder) == (WHOLE, [])

    shutil.copytree(once("project-of-properties", fill), pytester.path, dirs_exist_ok=True)
    return pytester


@pytest.mark.parametrize(
    ("arguments", "partly", "whole"),
    [
        (("-k", "not all"), ["larger"], ["one", "two"]),
        (("test_claims.py::test_larger_but_for_one",), ["larger"], []),
        (("test_claims.py::test_one[1]", "test_claims.py::TestClass"), ["one"], ["two"]),
        (("test_claims.py::TestClass::test_first", "test_claims.py::test_one"), ["two"], ["one"]),
        (("--deselect", "test_claims.py::test_larger_than_all"), ["larger"], ["one", "two"]),
        (("-o", "python_functions=test_larger_but* test_one"), ["larger"], ["one"]),
    ],
)
def test_a_claim_of_which_tests_are_left_out_is_not_measured(
    project: pytest.Pytester, arguments: tuple[str, ...], partly: list[str], whole: list[str]
) -> None:
    """Whatever leaves a test of a claim out, the claim has no verdict, says why, and the whole report stays as it is."""
    done = run(project, *arguments, status=0)
    found = dict.fromkeys(partly, "not measured") | dict.fromkeys(whole, "reproduced")
    assert report(project.path, "report-smoke-part") == (found, ["chosen"])
    assert report(project.path) == (WHOLE, [])
    done.stdout.fnmatch_lines(["Not measured: *every test of the claim in one session*"])
    results = json.loads((project.path / ".vitwork/report-smoke-part/results.json").read_text(encoding="utf-8"))
    assert {c["id"]: c["lack"] and c["lack"]["missing"] for c in results["claims"]} == {
        claim: "reach" if claim in partly else None for claim in found
    }


def test_a_conftest_that_leaves_tests_out_by_itself_makes_a_part(project: pytest.Pytester) -> None:
    """Where tests vanish from the list and no hook says so, as plugins that share tests out do, they are missed all the same."""
    project.makeconftest(
        f"{CONFTEST}def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'than_all' not in i.name]\n"
    )
    run(project, status=0)
    assert report(project.path, "report-smoke-part") == ({**WHOLE, "larger": "not measured"}, ["chosen"])
    assert report(project.path) == (WHOLE, [])


def folders(pytester: pytest.Pytester) -> None:
    """Make a project whose claim has its tests in two folders, and the report of all."""
    pytester.makeconftest(CONFTEST)
    for folder, test in (("a", HOLDS), ("b", FAILS)):
        pytester.mkdir(folder).joinpath(f"test_{folder}.py").write_text(HEAD + test)
    run(pytester)
    assert report(pytester.path) == ({"larger": "contradicted"}, [])


def test_a_folder_of_the_tests_is_a_part(pytester: pytest.Pytester) -> None:
    """A session of one folder knows from the report of all that the claim has tests in another; a folder that is gone has none."""
    folders(pytester)
    done = run(pytester, "a", "-rs", status=0)
    done.stdout.fnmatch_lines(["Not measured: 1 claim, *"])
    assert report(pytester.path, "report-smoke-part") == ({"larger": "not measured"}, ["chosen"])
    assert report(pytester.path) == ({"larger": "contradicted"}, [])
    (pytester.path / "b" / "test_b.py").unlink()
    run(pytester, "a", status=0)
    assert report(pytester.path) == ({"larger": "reproduced"}, [])


def test_a_session_from_within_a_folder_is_a_part(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started in a folder of the project with the project's store, pytest takes the folder for its root: still a part."""
    folders(pytester)
    monkeypatch.chdir(pytester.path / "a")
    (pytester.path / "a" / "conftest.py").write_text("")
    run(pytester, "--store=../.vitwork", "-p", "vitwork.plugin", status=0)
    assert report(pytester.path, "report-smoke-part") == ({"larger": "not measured"}, ["chosen"])
    assert report(pytester.path) == ({"larger": "contradicted"}, [])


def test_a_report_of_fewer_claims_does_not_replace_one_of_more(pytester: pytest.Pytester) -> None:
    """A session of whole claims is one of a part where the report that stands there tells of others that still exist."""
    pytester.makeconftest(CONFTEST)
    for folder, test in (("a", HOLDS), ("b", OTHER)):
        pytester.mkdir(folder).joinpath(f"test_{folder}.py").write_text(HEAD + test)
    run(pytester, status=0)
    run(pytester, "a", status=0)
    assert report(pytester.path, "report-smoke-part") == ({"larger": "reproduced"}, ["chosen"])
    assert len(report(pytester.path)[0]) == 3


WORKER_DIES = """
import os
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    if hasattr(item.config, "workerinput"):
        os._exit(9)
"""


@pytest.mark.parametrize(("workers", "restarts"), [("2", "0"), ("1", "1")])
def test_a_session_without_any_worker_left_fails(pytester: pytest.Pytester, workers: str, restarts: str) -> None:
    """Where all workers die before a test and none is replaced, tests fail, in the exit status and in JUnit's file."""
    pytester.makeconftest(CONFTEST + WORKER_DIES)
    pytester.makepyfile(test_claims=HEAD + OTHER)
    done = run(pytester, "-n", workers, "--max-worker-restart", restarts, "--junitxml", "junit.xml")
    assert "rerun" in done.stdout.str()
    assert report(pytester.path, "report-smoke-part") == ({"one": "not measured", "two": "not measured"}, ["ended"])
    assert 'errors="0"' not in (pytester.path / "junit.xml").read_text()
    assert "failed for another reason" in done.outlines[-1]


def test_tests_that_nothing_came_to_fail_a_session(pytester: pytest.Pytester) -> None:
    """A session that ends well without some of its tests does not end with status 0, and says so."""
    pytester.makeconftest(
        f"{CONFTEST}def pytest_runtest_protocol(item):\n    return True if item.name == 'test_second' else None\n"
    )
    pytester.makepyfile(test_claims=HEAD + OTHER)
    done = run(pytester)
    assert "the session did not come to all of its tests (exit status 1)" in done.outlines[-1]
    assert report(pytester.path, "report-smoke-part")[0] == {"one": "reproduced", "two": "not measured"}
