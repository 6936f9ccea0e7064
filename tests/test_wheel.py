"""The wheel, unpacked beside its dependencies and used outside the repository: claims, options, own claims, the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email import message_from_string
from pathlib import Path

import pytest

from tests.forked import UNUSED

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The wheel's content in a folder, as an installer leaves it; nothing of the repository is needed from then on."""

    def fill(folder: Path) -> None:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = folder.glob("*.whl")
        zipfile.ZipFile(wheel).extractall(folder / "site")

    return once("wheel", fill) / "site"


def run(site: Path, where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python outside the repository, with the wheel before everything else that is installed."""
    env = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": UNUSED}
    return subprocess.run([sys.executable, *command], cwd=where, env=env, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_claims_and_says_whose_it_is(site: Path) -> None:
    """Every file of `claims/`, the type marker, the version and addresses."""
    claims = {path.name for path in (ROOT / "claims").glob("*.py")}
    assert {path.name for path in (site / "vitwork" / "claims").glob("*.py")} == claims
    assert (site / "vitwork" / "py.typed").is_file()
    (metadata,) = site.glob("vitwork-*.dist-info/METADATA")
    found = message_from_string(metadata.read_text(encoding="utf-8"))
    assert len(found.get_all("Project-URL")) >= 2


def test_the_claims_run_from_any_folder(site: Path, tmp_path: Path) -> None:
    """`python -m vitwork run` ends in the table and a report in the folder where it was called, which tells no path."""
    done = run(site, tmp_path, "-m", "vitwork", "run", "-k", "softmax", "-p", "no:cacheprovider")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configfile" not in done.stdout
    assert (
        "1 of 1 claim of ours decided at profile smoke (1 is a property checked on examples, without training): 1 reproduced; "
        "a part of the tests." in lines
    )
    report = tmp_path / ".vitwork" / "report-smoke-part"
    assert lines[-1] == f"Report: {report / 'report.html'}"
    text = (report / "results.json").read_text(encoding="utf-8")
    assert str(site) not in text
    found = json.loads(text)
    assert found["provenance"]["command"] == "vitwork run -k softmax -p no:cacheprovider"
    assert found["claims"][0]["rerun"].startswith('vitwork run -k "test_')


def test_the_claims_are_found_by_name(site: Path, tmp_path: Path) -> None:
    """`pytest --pyargs vitwork.claims` has the suite's options, with workers too; a claim is chosen by its own name."""
    done = run(
        site,
        tmp_path,
        "-m",
        "pytest",
        "--pyargs",
        "vitwork.claims",
        "--profile",
        "smoke",
        "-n",
        "1",
        "-k",
        "msa-averages-values",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"Report: {tmp_path}")


def test_other_tests_get_nothing_of_it(site: Path, tmp_path: Path) -> None:
    """A session of anything else has none of the options, and imports neither the suite nor torch."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert not {'torch', 'vitwork.plugin', 'msgspec'} & set(sys.modules)\n"
    )
    assert run(site, tmp_path, "-m", "pytest", "-q").returncode == 0
    assert "unrecognized arguments: --profile" in run(site, tmp_path, "-m", "pytest", "--profile", "smoke").stderr


def test_a_plan_needs_no_repository(site: Path, tmp_path: Path) -> None:
    """`vitwork plan` tells what the smallest session takes."""
    done = run(site, tmp_path, "-m", "vitwork", "plan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ runs to do: about ", done.stdout, re.MULTILINE), done.stdout


def test_a_report_is_judged_from_any_folder(site: Path, tmp_path: Path) -> None:
    """`vitwork judge` and `register` find the installed claims, named or not, and judging leaves nothing behind."""
    report = str(ROOT / "reports" / "published" / "smoke")
    named = ["--claims", str(site / "vitwork" / "claims")]
    for claims in ([], named):
        done = run(site, tmp_path, "-m", "vitwork", "judge", report, *claims)
        assert "claims with the same verdict" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
    done = run(site, tmp_path, "-m", "vitwork", "register", "--profile", "smoke")
    assert done.stdout.startswith("Written to"), done.stdout + done.stderr


@pytest.mark.slow
def test_an_own_claim_is_tested_by_the_installed_suite(site: Path, tmp_path: Path) -> None:
    """The example under `examples/own_claim`: two workers, a table, results and a report that the API reads."""
    shutil.copytree(
        ROOT / "examples" / "own_claim", tmp_path / "own", ignore=shutil.ignore_patterns(".*", "__pycache__")
    )
    done = run(site, tmp_path / "own", "-m", "pytest", "-n", "2", "--profile", "tiny")
    assert "1 of 1 claim of ours decided at profile tiny: 1 reproduced." in done.stdout, done.stdout + done.stderr
    code = "import vitwork; print(len(vitwork.load('.vitwork/report-tiny').claim('wider-is-better').values))"
    assert run(site, tmp_path / "own", "-c", code).stdout == "8\n"
