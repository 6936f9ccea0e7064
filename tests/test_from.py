"""Sessions that take their numbers from reports: judged again, continued, pooled, registered, audited."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.test_plugin import CLAIMS, TINY, records

COMPETENT = CLAIMS.replace(", any_network=True", "")


@pytest.fixture(scope="module")
def base(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A project with the report of a finished session."""

    def fill(folder: Path) -> None:
        (folder / "conftest.py").write_text(TINY)
        (folder / "test_claims.py").write_text(CLAIMS)
        pytest_in(folder, "--profile", "tiny", "--report", "report")

    return once("session-with-a-report", fill)


@pytest.fixture
def project(base: Path, tmp_path: Path) -> Path:
    """A project with that report and without a store."""
    for name in ("conftest.py", "test_claims.py"):
        shutil.copy(base / name, tmp_path / name)
    shutil.copytree(base / "report", tmp_path / "report")
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run("pytest", "-rxs", "-p", "no:cacheprovider", *arguments, cwd=folder)


def vitwork_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run("vitwork", *arguments, cwd=folder)


def document(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def verdicts(folder: Path) -> dict[str, str]:
    return {claim["id"]: claim["verdict"] for claim in document(folder)["claims"]}


def test_a_session_judges_a_report_again(project: Path) -> None:
    """With --from, each test has the outcome that its published values give; nothing is trained, and properties are checked."""
    done = pytest_in(project, "--from", "report", "--report", "again")
    assert "1 failed, 3 passed, 1 skipped, 1 xfailed" in done.stdout
    assert not (project / ".vitwork" / "runs").exists()
    assert verdicts(project / "again") == verdicts(project / "report")
    before, after = document(project / "report"), document(project / "again")
    for part in ("hypotheses", "measurements", "runs", "provenance", "origins"):
        assert before[part] == after[part]


def test_workers_judge_alike(project: Path) -> None:
    """With several workers a report is judged once, and each delivers its share."""
    assert (
        "1 failed, 3 passed, 1 skipped, 1 xfailed"
        in pytest_in(project, "-n", "2", "--from", "report/results.json").stdout
    )


def test_judging_imports_no_torch(project: Path) -> None:
    """Neither the command nor the session imports torch."""
    code = """
import sys, pytest
from vitwork.cli import main
main(["judge", "report", "--claims", "."])
print("judged:", "torch" in sys.modules)
pytest.main(["--from", "report", "-q", "-p", "no:cacheprovider"])
print("tested:", "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert "judged: False" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "tested: False"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "nowhere"], "The results file nowhere cannot be read"),
        (["--from", "report", "--seeds", "5"], "--from report judges the report as it is"),
        (["--from", "report", "--profile", "cifar10"], "--from report judges the report as it is"),
        (["--records", "nowhere", "--profile", "tiny"], "The results file nowhere cannot be read"),
        (["--first-seed", "-1", "--profile", "tiny"], "--first-seed takes a number from 0 to 4,294,967,295, not -1."),
    ],
)
def test_mistakes_are_one_sentence(project: Path, options: list[str], sentence: str) -> None:
    """What cannot be judged ends the session before it starts."""
    done = pytest_in(project, *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lost_store_costs_what_the_report_does_not_hold(project: Path, base: Path) -> None:
    """With --records a report counts as measured: an empty store trains nothing, and one more seed trains that seed alone."""
    done = pytest_in(project, "--profile", "tiny", "--records", "report", "--report", "again")
    assert "2 failed" not in done.stdout
    assert not (project / ".vitwork" / "runs").exists()
    assert verdicts(project / "again") == verdicts(base / "report")
    pytest_in(project, "--profile", "tiny", "--records", "report", "--report", "more", "--seeds", "4")
    trained = [json.loads(path.read_bytes()[:-47]) for path in (project / ".vitwork" / "records").rglob("*.json")]
    assert {record["seed"] for record in trained if "seed" in record} == {3}
    assert len({run["seed"] for run in document(project / "more")["runs"]}) == 4


def test_what_lies_in_a_store_is_reported_without_training(project: Path, base: Path) -> None:
    """With --from a store, claims whose records are there are judged, and the others are not measured."""
    shutil.copytree(base / ".vitwork", project / "store")
    runs = [
        path
        for path in (project / "store" / "records").rglob("*.json")
        if b'"parameters": {"when": "warmup"}' in path.read_bytes()
    ]
    assert runs
    for path in runs:
        path.unlink()
    done = pytest_in(project, "--profile", "tiny", "--from", "store", "--report", "part")
    found = verdicts(project / "part")
    assert found["smaller"] == "not measured"
    assert found["larger"] == "contradicted"
    assert "the record of size of vit is missing" in done.stdout
    again = vitwork_in(project, "judge", "part", "--claims", ".")
    assert again.returncode == 0, again.stdout


def test_a_report_of_other_claims_than_the_suites_asks_for_them(project: Path) -> None:
    """Where no folder of claims is at hand the installed ones are read, which know nothing of a profile of a project's own."""
    done = vitwork_in(project, "judge", "report")
    assert done.returncode == 2
    assert "has a profile 'tiny': name those of the report's project with --claims" in done.stderr


def test_the_command_says_what_became_of_verdicts(project: Path) -> None:
    """The exit status is 0 for an honest report, 1 for one with another verdict, and 3 where some cannot be judged again."""
    done = vitwork_in(project, "judge", "report", "--claims", ".")
    assert done.returncode == 0, done.stderr
    assert "3 claims with the same verdict, by the same numbers." in done.stdout
    results = document(project / "report")
    results["claims"][1]["verdict"] = "reproduced"
    (project / "report" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = vitwork_in(project, "judge", "report", "--claims", ".")
    assert done.returncode == 1
    assert "larger: reproduced, now contradicted" in done.stdout
    results["claims"][1]["verdict"] = "contradicted"
    results["measurements"] = [entry for entry in results["measurements"] if entry["parameters"]["when"] != "warmup"]
    (project / "report" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = vitwork_in(project, "judge", "report", "--claims", ".")
    assert done.returncode == 3
    assert "the record of size of vit is missing: smaller (reproduced)" in done.stdout


@pytest.mark.slow
def test_an_audit_trains_drawn_runs_again(project: Path) -> None:
    """Real trainings of drawn runs are those of the report; a report with altered values fails, and so does one whose verdicts
    do not follow from its records."""
    audit = ["audit", "report", "--claims", ".", "--runs", "2", "--seed", "1"]
    done = vitwork_in(project, *audit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Drawn with --seed 1: " in done.stdout
    assert "2 identical" in done.stdout
    results = document(project / "report")
    for entry in results["measurements"]:
        entry["values"]["parameters"] += 100
    (project / "report" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = vitwork_in(project, *audit)
    assert done.returncode == 1
    assert "do not follow from the records" in done.stdout
    for entry in results["hypotheses"]:
        for side in entry["sides"]:
            side["values"] = [value + 100 for value in side["values"]]
    (project / "report" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = vitwork_in(project, *audit)
    assert done.returncode == 1
    assert "Not credible: published numbers of" in done.stdout


def test_seeds_of_two_sessions_are_pooled(project: Path) -> None:
    """Seeds from 3 on join those of the report; the same seeds twice are refused."""
    pytest_in(project, "--profile", "tiny", "--first-seed", "3", "--seeds", "2", "--report", "second")
    assert {run["seed"] for run in document(project / "second")["runs"]} == {3, 4}
    done = vitwork_in(project, "pool", "report", "second", "--claims", ".", "--out", "both")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Source 2: seeds 3–4 of 2 arms" in done.stdout
    assert {tuple(side["seeds"]) for entry in document(project / "both")["hypotheses"] for side in entry["sides"]} == {
        (0, 1, 2, 3, 4)
    }
    assert verdicts(project / "both")["theorem"] == "reproduced"
    assert "Pooled from 2 reports" in (project / "both" / "report.html").read_text(encoding="utf-8")
    assert vitwork_in(project, "judge", "both", "--claims", ".").returncode == 0
    done = vitwork_in(project, "pool", "report", "both", "--claims", ".", "--out", "more")
    assert done.returncode == 2
    assert "--first-seed measures other seeds" in done.stderr


@pytest.mark.parametrize(
    ("option", "number"), [("--first-seed", "-5"), ("--first-seed", "9" * 20), ("--seeds", "0"), ("--seeds", "auto")]
)
def test_seeds_that_no_session_has_are_not_registered(project: Path, option: str, number: str) -> None:
    """A registration that no session could meet is refused as the session would be."""
    done = vitwork_in(project, "register", "--profile", "tiny", "--claims", ".", option, number)
    assert done.returncode == 2
    assert f"{option} takes a number from" in done.stderr
    assert not (project / "reports" / "registered").exists()


def test_a_registered_claim_says_so(project: Path) -> None:
    """What is registered and committed before the first run is shown in the report and its summary."""
    done = vitwork_in(project, "register", "--profile", "tiny", "--claims", ".")
    assert done.returncode == 0, done.stderr
    assert "Written to reports/registered/tiny.json" in done.stdout
    pytest_in(project, "--profile", "tiny", "--records", "report", "--report", "again")
    states = {
        claim["id"]: claim["registered"] and claim["registered"]["state"]
        for claim in document(project / "again")["claims"]
    }
    assert states["larger"] == "registered, but the file is not committed"
    assert states["theorem"] is None
    assert "registered, but the file is not committed" in (project / "again" / "summary.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_records_are_left_alone(project: Path, pytester: pytest.Pytester) -> None:
    """Judging a report again changes nothing of a store of its own."""
    shutil.copytree(project, pytester.path, dirs_exist_ok=True)
    pytest_in(pytester.path, "--profile", "tiny")
    before = records(pytester)
    pytest_in(pytester.path, "--from", "report")
    assert records(pytester) == before
