from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import forked

REPORT = ".vitwork/report-tiny"
TINY = """
from dataclasses import replace

import pytest

from vitwork import profiles
from vitwork.design.dataset import DataSpec
from vitwork.design.recipe import Augmentation, Recipe
from vitwork.profiles.arms import Networks, conditions

pytest_plugins = ["vitwork.plugin"]

recipe = Recipe(name="tiny", epochs=1, warmup_epochs=1, batch_size=32, lr=3e-3, drop_path=0.0, augmentation=Augmentation(crop_padding=1))
networks = Networks(
    cnn=("preresnet_18", {"depths": (1, 1), "widths": (8, 16)}),
    alternet=("alternet_18", {"depths": (2, 2), "widths": (8, 16), "heads": (1, 1), "head_dim": 4, "window_size": 4}),
    vit=("vit_ti", {"image_size": 16, "patch_size": 4, "dim": 8, "depth": 1, "heads": 2, "head": "gap"}),
    msas=(0, 1),
)
arms = conditions(networks, recipe, DataSpec("embedded", size=16, train=100, test=60))
arms["diverging"] = replace(arms["vit"], name="diverging", recipe=replace(recipe, lr=1e30, clip=None))
profiles.PROFILES["tiny"] = replace(profiles.SMOKE, name="tiny", arms=arms, seeds=3, first_seed=0, effort=())
"""

CLAIMS = '''
"""Chapter of the tests."""
import pytest
from vitwork.language.claim import Paper, claim
from dataclasses import dataclass
from typing import ClassVar

from vitwork.design.measurement import Measurement
from vitwork.language.quantity import quantity

PAPER = Paper("Fig. 0", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(Measurement):
    name: ClassVar[str] = "size"
    when: str = "end"

    def measure(self, run):
        parameters = sum(p.numel() for p in run.model(self.when).parameters())
        return {"parameters": parameters + 0.001 * run.seed * len(run.arm.name)}


@quantity(Size, name="size")
def count(record):
    return record["parameters"]


@claim("smaller", "A ViT is smaller.", paper=PAPER, any_network=True)
@pytest.mark.parametrize("when", ["warmup", "end"])
def test_smaller(measure, when):
    assert measure(count, when=when)("vit") < measure(count, when=when)("resnet")


@claim("larger", "A ViT is larger.", paper=PAPER, any_network=True)
def test_larger(measure):
    assert measure(count)("vit") > measure(count)("resnet")


@claim("itself", "A ViT differs from itself.", paper=PAPER, any_network=True)
def test_itself(measure):
    assert measure(count)("vit") < measure(count)("vit")


@claim("elsewhere", "A Swin is small.", paper=PAPER, any_network=True)
def test_elsewhere(measure):
    assert measure(count)("swin") < 1


@claim("theorem", "One is one.", paper=PAPER, any_network=True)
def test_theorem():
    assert 1 == 1
'''


@pytest.fixture(scope="module")
def base(once: Callable[[str, Callable[[Path], object]], Path]) -> tuple[Path, str]:
    """A finished session of two workers: its folder and what it printed. The other tests start from its store."""

    def fill(folder: Path) -> None:
        (folder / "conftest.py").write_text(TINY)
        (folder / "test_claims.py").write_text(CLAIMS)
        options = ["--profile", "tiny", "-n", "2", "-rxs", "-p", "no:cacheprovider", "--junitxml", "junit.xml"]
        done = forked.run("pytest", *options, cwd=folder)
        (folder / "printed").write_text(done.stdout + done.stderr)

    folder = once("session-of-two-workers", fill)
    return folder, (folder / "printed").read_text()


@pytest.fixture
def session(pytester: pytest.Pytester, base: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with claims at a scale that trains in a moment, and everything trained; a terminal that is wide enough."""
    monkeypatch.setenv("COLUMNS", "160")
    pytester.makeconftest(TINY)
    pytester.makepyfile(test_claims=CLAIMS)
    shutil.copytree(base[0] / ".vitwork", pytester.path / ".vitwork")
    return pytester


def run(session: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    done = forked.run("pytest", "--profile", "tiny", "-p", "no:cacheprovider", *arguments, cwd=session.path)
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), duration=0)


def records(session: pytest.Pytester) -> dict[Path, int]:
    """Return the store's files and when they were written."""
    folders = (session.path / ".vitwork" / name for name in ("runs", "records"))
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_verdicts_become_outcomes(base: tuple[Path, str]) -> None:
    """Reproduced passes, contradicted fails with its effect, undecided xfails, not measured skips; a table ends it all."""
    lines = pytest.LineMatcher(base[1].splitlines())
    lines.fnmatch_lines(["*size(vit) > size(resnet): *on the other side*"])
    lines.fnmatch_lines(
        [
            "XFAIL *inconclusive: *",
            "SKIPPED *test_claims.py:*: not measured: needs the arm swin, which the profile does not have*",
        ]
    )
    lines.fnmatch_lines(["=* 1 failed, 3 passed, 1 skipped, 1 xfailed*"])
    table = [line.split()[:2] for line in lines.lines[-20:] if line and not line.startswith(" ")]
    rows = ["smaller reproduced", "theorem reproduced", "larger contradicted", "itself inconclusive"]
    assert [row.split() for row in rows] == [found for found in table if " ".join(found) in rows]  # decided first
    assert "Not measured: 1 claim, of which 1 needs an arm that the profile does not have." in lines.lines
    assert lines.lines[-2].startswith(
        "3 of 5 claims of the paper decided at profile tiny (1 is a property checked on examples, "
    )
    assert re.fullmatch(
        r"Report: 1 claim is contradicted at this scale \(exit status 1\): .*report.html", lines.lines[-1]
    )


def test_the_last_line_tells_a_verdict_from_a_failure(session: pytest.Pytester) -> None:
    """Exit status 1 stands for contradicted claims and for tests that failed; the last line says which; 0 says nothing."""
    session.makepyfile(test_other="def test_other():\n    assert 1 == 2\n")
    result = run(session)
    assert result.ret == 1
    told = "1 claim is contradicted at this scale and 1 test failed for another reason (exit status 1)"
    assert result.outlines[-1].startswith(f"Report: {told}: ")
    result = run(session, "-k", "smaller")
    assert result.ret == 0
    assert re.fullmatch(r"Report: \S*report.html", result.outlines[-1])


def test_how_much_is_said(session: pytest.Pytester) -> None:
    """With -v a line for every hypothesis and for what was not measured; with -q a line of counts and nothing else."""
    loud = run(session, "-v").outlines
    assert any(re.match(r"elsewhere +not measured +.*needs the arm swin", line) for line in loud)
    assert sum("size(vit) < size(resnet) (" in line for line in loud) == 3  # the claim's row and its hypotheses
    quiet = run(session, "-q", "-k", "smaller").outlines
    assert quiet[-1] == "1 of 1 claim of the paper decided at profile tiny: 1 reproduced; a part of the tests."
    assert re.fullmatch(r"2 passed, \d+ deselected in .*", quiet[-2])
    assert not any(quiet[:-2])


def test_a_session_without_pytests_terminal_says_the_same(session: pytest.Pytester) -> None:
    """Verdicts and the report's place are printed where nothing else is."""
    assert run(session, "-p", "no:terminal").outlines[-1].startswith("Report: 1 claim is contradicted at this scale")


def test_an_interrupted_session_says_how_it_goes_on(session: pytest.Pytester) -> None:
    """The last line names the reason and the status beside the report that was made."""
    session.makepyfile(test_after="def test_stop():\n    raise KeyboardInterrupt\n")
    result = run(session)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert re.fullmatch(
        r"Interrupted, and the same command goes on from here \(exit status 2\); report so far: \S*report.html",
        result.outlines[-1],
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_session_that_is_told_to_end_ends_as_by_an_interruption(
    session: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """SIGTERM, sent twice, leaves what there is in a partial report and the whole one as it was; no worker goes on."""
    whole = (session.path / REPORT / "results.json").read_bytes()
    session.makepyfile(
        test_after="""
        import os, signal, time

        def test_stop(request):
            told = int(os.environ["SESSION"])
            os.kill(told, signal.SIGTERM)
            os.kill(told, signal.SIGTERM)
            time.sleep(2)
        """
    )
    session.makeconftest(f"import os\n\nos.environ.setdefault('SESSION', str(os.getpid()))\n{TINY}")
    result = run(session, *workers)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert result.outlines[-1].startswith(
        "Interrupted, and the same command goes on from here (exit status 2); report so far: "
    )
    assert "ended" in claims_of(session, "report-tiny-part")[1]
    assert (session.path / REPORT / "results.json").read_bytes() == whole


@pytest.mark.parametrize("when", ["a test runs", "tests are read"])
def test_a_group_of_processes_that_is_told_to_end_says_what_it_has(session: pytest.Pytester, when: str) -> None:
    """Schedulers send SIGTERM to workers, too: what these told so far is reported, and where it is nothing, that is said."""
    tell = "os.killpg(os.getpgrp(), signal.SIGTERM)"
    body = f"{tell}; time.sleep(5)" if when == "a test runs" else "pass"
    session.makepyfile(
        test_after=f"import os, signal, time\n{tell if when == 'tests are read' else ''}\ndef test_stop():\n    {body}\n"
    )
    leading = "import os\nif os.environ.get('LED') is None:\n    os.environ['LED'] = ''\n    os.setsid()\n"
    session.makeconftest(leading + TINY)
    result = run(session, "-n", "2")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    told = "report so far: " if when == "a test runs" else "no test had been read, so there is no report."
    assert result.outlines[-1].startswith(
        f"Interrupted, and the same command goes on from here (exit status 2); {told}"
    )
    assert "INTERNALERROR" not in result.stdout.str()


def test_a_test_that_measures_and_claims_nothing_fails(session: pytest.Pytester) -> None:
    """Without @claim nothing would judge what it compares, and it would pass."""
    session.makepyfile(test_other="def test_nothing(measure):\n    pass\n")
    result = run(session, "test_other.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*states a claim: decorate it with @claim.*"])


def test_a_quiet_session_counts_contradictions_and_shows_what_failed_otherwise(session: pytest.Pytester) -> None:
    """With -q a verdict is no entry among pytest's failures; a test that failed is, and the last line tells the status."""
    session.makepyfile(
        test_other="def test_other():\n    assert 1 == 2\n",
        test_faulty=CLAIMS.partition('@claim("smaller"')[0]
        + '@claim("faulty", "Nothing is asserted.", paper=PAPER)\ndef test_faulty(measure):\n    pass\n',
    )
    result = run(session, "-q")
    assert result.ret == 1
    told = "1 claim is contradicted at this scale and 2 tests failed for another reason (exit status 1)."
    assert result.outlines[-1] == told
    assert [line.split(" - ")[0] for line in result.outlines if line.startswith("FAILED")] == [
        "FAILED test_faulty.py::test_faulty",
        "FAILED test_other.py::test_other",
    ]
    assert any("2 failed" in line and "1 contradicted" in line for line in result.outlines)
    assert not any("clear of" in line for line in result.outlines)


def test_a_choice_that_matches_nothing_says_what_may_be_meant(session: pytest.Pytester) -> None:
    """One sentence names the claims whose names are closest to the words of -k."""
    result = run(session, "-k", "smaler and not itself")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    said = "No claim or test matches -k 'smaler and not itself': did you mean *smaller*"
    result.stdout.fnmatch_lines([said])


def test_reasons_are_whole(session: pytest.Pytester) -> None:
    """-rx prints the comparison and why it is undecided, to the end."""
    lines = run(session, "-rx", "-k", "itself").outlines
    (reason,) = [line for line in lines if line.startswith("XFAIL ")]
    assert reason.endswith(" - inconclusive: size(vit) < size(vit): no network differs from another of its arm")


def test_workers_share_the_work(base: tuple[Path, str]) -> None:
    """Two workers train each run once, and the controller has the evidence of both, for JUnit too."""
    folder, _ = base
    assert len(list((folder / ".vitwork" / "runs").iterdir())) == 6
    results = json.loads((folder / REPORT / "results.json").read_text())
    assert len(results["runs"]) == 6
    assert {run["status"] for run in results["runs"]} == {"finished"}
    assert '<property name="verdict" value="contradicted"' in (folder / "junit.xml").read_text()
    assert (folder / REPORT / "report.html").stat().st_size > 10_000


def test_unchanged_session_does_no_work(session: pytest.Pytester) -> None:
    """The second session trains nothing, measures nothing, does not import torch, and finds the same."""
    before = records(session)
    session.makepyfile(
        sitecustomize="import atexit, sys; atexit.register(lambda: print('TORCH' if 'torch' in sys.modules else 'LIGHT'))"
    )
    second = session.run(
        "env",
        f"PYTHONPATH={session.path}",
        *map(str, session._getpytestargs()),
        "--profile",
        "tiny",
        "-p",
        "no:cacheprovider",
        "-s",
    )
    second.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)
    assert records(session) == before
    assert "TORCH" not in second.stdout.str()
    assert "LIGHT" in second.stdout.str()


def test_interrupted_session_continues(session: pytest.Pytester) -> None:
    """What an earlier session finished is used as it is, and only what is missing is done."""
    before = records(session)
    lost = [path for path in before if path.suffix == ".json" and b'"name": "size"' in path.read_bytes()][:2]
    for path in lost:
        path.unlink()
    run(session).assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)
    after = records(session)
    assert set(after) == set(before)
    assert {path for path in before if after[path] != before[path]} == set(lost)


def test_damaged_record_is_measured_anew(session: pytest.Pytester) -> None:
    """A truncated record is measured in the very session that notices it, and the verdicts stay."""
    victim = next(path for path in records(session) if b'"name": "size"' in path.read_bytes())
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-10])
    result = run(session)
    result.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)
    assert victim.stat().st_size > len(whole) // 2
    assert len(list(victim.parent.glob("*.damaged-*"))) == 1


@pytest.mark.parametrize(
    ("arguments", "folder", "part"),
    [
        ((), "report-tiny", False),
        (("--seeds", "3"), "report-tiny-changed", False),
        (("-k", "smaller"), "report-tiny-part", True),
        (("test_claims.py::test_larger", "--deterministic"), "report-tiny-changed-part", True),
    ],
)
def test_a_part_is_said_to_be_one(
    session: pytest.Pytester, arguments: tuple[str, ...], folder: str, *, part: bool
) -> None:
    """Chosen tests are corrected for all claims of their files, measurable or not: they say so, and leave the report of the whole as it is."""
    result = run(session, *arguments)
    result.stdout.fnmatch_lines([f"Report: *{folder}/report.html"])
    told = "These tests were chosen: verdicts are corrected for all 5 claims" in result.stdout.str()
    assert told == part


def test_another_number_of_seeds_is_a_changed_setting(session: pytest.Pytester) -> None:
    """It is stated, its report goes beside one of the profile's own number wherever that lies, and it can be judged again."""
    whole = (session.path / REPORT / "results.json").read_bytes()
    for arguments in (("--seeds", "2"), ("--from", f"{REPORT}-changed")):
        result = run(session, *arguments, "--report", REPORT)
        result.stdout.fnmatch_lines(["Report: *report-tiny-changed/report.html"])
        assert (session.path / REPORT / "results.json").read_bytes() == whole
        found = json.loads((session.path / f"{REPORT}-changed/results.json").read_text())["profile"]
        assert [found["seeds"], found["deviations"][-1]["change"], found["deviations"][-1]["value"]] == [
            2,
            "seeds",
            "2",
        ]


def test_damaged_snapshot_is_trained_anew(session: pytest.Pytester) -> None:
    """A truncated checkpoint is noticed, set aside and redone, and the verdicts stay."""
    for path in (session.path / ".vitwork" / "records").rglob("*.json"):
        if b'"name": "size"' in path.read_bytes():
            path.unlink()
    victim = next((session.path / ".vitwork" / "runs").glob("*/end.pt"))
    victim.write_bytes(victim.read_bytes()[:-100])
    result = run(session)
    result.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)


def test_diverged_run_is_shown_as_such(session: pytest.Pytester) -> None:
    """A training whose loss is no number is an outcome: the claim stays undecided and says why."""
    session.makepyfile(
        test_claims=CLAIMS
        + """

@claim("stable", "Training is stable.", paper=PAPER, any_network=True)
def test_stable(measure):
    assert measure(count)("diverging") < measure(count)("resnet")
"""
    )
    result = run(session, "-k", "stable", "-rx")
    result.assert_outcomes(xfailed=1, deselected=6)
    result.stdout.fnmatch_lines(["*inconclusive:*without a finite value*"])


def baseline(base: tuple[Path, str], session: pytest.Pytester, change: Any = None) -> str:
    """Write the finished session's results as a baseline, changed as asked."""
    document = json.loads((base[0] / REPORT / "results.json").read_text())
    if change:
        change(document)
    (session.path / "baseline.json").write_text(json.dumps(document))
    return "baseline.json"


def test_nothing_changed_since_the_baseline(base: tuple[Path, str], session: pytest.Pytester) -> None:
    """Against its own results a session succeeds, contradicted claims included."""
    result = run(session, "--baseline", baseline(base, session))
    assert result.ret == 0
    result.assert_outcomes(passed=3, xfailed=2, skipped=1)


def test_a_baseline_of_another_size_is_told(base: tuple[Path, str], session: pytest.Pytester) -> None:
    """A profile that had the same name and other seeds is compared with, and the session says so."""
    result = run(session, "--baseline", baseline(base, session, lambda document: document["profile"].update(seeds=40)))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*The profile tiny was another one before (seeds), so that differences need not be*"])


MARKED = """
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_larger":
            item.add_marker(pytest.mark.{mark})
"""


@pytest.mark.parametrize("mark", ["xfail", "skip"])
def test_a_mark_hides_no_verdict(base: tuple[Path, str], session: pytest.Pytester, mark: str) -> None:
    """A contradicted claim ends a session with status 1 whatever a mark makes of its test, and so does one that flipped."""
    session.makeconftest(TINY + MARKED.format(mark=mark))
    result = run(session)
    assert result.ret == 1
    assert result.outlines[-1].startswith("Report: 1 claim is contradicted at this scale (exit status 1): ")
    assert run(session, "--baseline", baseline(base, session)).ret == 0

    def flipped(document: dict[str, Any]) -> None:
        for found in document["hypotheses"]:
            if found["claim"] == "larger":
                found["effect"]["verdict"] = "reproduced"

    result = run(session, "--baseline", baseline(base, session, flipped))
    assert result.ret == 1
    assert result.outlines[-1].startswith("Report: 1 change since the baseline (exit status 1): ")


def test_flipped_and_vanished_claims_fail(base: tuple[Path, str], session: pytest.Pytester) -> None:
    """A verdict that flipped fails its test, and a claim that disappeared fails the session."""

    def change(document: dict[str, Any]) -> None:
        for hypothesis in document["hypotheses"]:
            if hypothesis["claim"] == "larger":
                hypothesis["effect"]["verdict"] = "reproduced"
        gone = {"id": "gone", "sentence": "Quite another sentence.", "hypotheses": []}
        document["claims"].append({**document["claims"][0], **gone})

    result = run(session, "--baseline", baseline(base, session, change))
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["*changed since the baseline: flipped: reproduced before, contradicted now*"])
    result.stdout.fnmatch_lines(["vanished since the baseline: gone: the claim is no longer tested"])


def test_a_claim_is_excused_by_its_own_entry_alone(base: tuple[Path, str], session: pytest.Pytester) -> None:
    """What the baseline does not hold, or holds as undecided, fails when it is contradicted."""

    def undecided(document: dict[str, Any]) -> None:
        for entry in [*document["claims"], *(found["effect"] for found in document["hypotheses"])]:
            if entry["verdict"] == "contradicted":
                entry["verdict"] = "inconclusive"

    def lacking(document: dict[str, Any]) -> None:
        for name, key in (("claims", "id"), ("hypotheses", "claim")):
            document[name] = [entry for entry in document[name] if entry[key] != "larger"]

    for change in (undecided, lacking):
        result = run(session, "--baseline", baseline(base, session, change))
        result.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)
        result.stdout.fnmatch_lines(["*size(vit) > size(resnet): *on the other side*"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda document: document.update(schema="vitwork-results/1"), "*has the schema 'vitwork-results/1'*"),
        (lambda document: document["profile"].update(name="smoke"), "*is of the profile 'smoke', not of 'tiny'."),
        (lambda document: document.update(claims=[], hypotheses=[]), "The baseline baseline.json holds no claims."),
        (lambda document: document.pop("hypotheses"), "*is malformed: *"),
        (lambda document: document["claims"][0].update(verdict="maybe"), "*is malformed: *"),
    ],
)
def test_a_baseline_of_another_shape_is_refused(
    base: tuple[Path, str], session: pytest.Pytester, change: Any, sentence: str
) -> None:
    """Nothing trains before it is known that there is something to compare with."""
    shutil.rmtree(session.path / ".vitwork" / "runs")
    result = run(session, "--baseline", baseline(base, session, change))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {sentence}"])
    assert not (session.path / ".vitwork" / "runs").exists()


def claims_of(session: pytest.Pytester, report: str) -> tuple[dict[str, str], set[str]]:
    """Return the verdicts of a report, and what makes it partial."""
    document = json.loads((session.path / ".vitwork" / report / "results.json").read_text())
    changes = {deviation["change"] for deviation in document["profile"]["deviations"]}
    return {claim["id"]: claim["verdict"] for claim in document["claims"]}, changes & {"ended", "chosen"}


@pytest.mark.parametrize(
    "ending", ["-x", "--maxfail=1", "-p cacheprovider -p stepwise --sw", "-x --report .vitwork/report-tiny", "-x -n 2"]
)
def test_a_session_that_ends_early_is_marked_and_replaces_no_whole_report(
    base: tuple[Path, str], session: pytest.Pytester, ending: str
) -> None:
    """All was judged before its first test: statistical claims have their verdicts, nothing vanished, and what is not reached is said."""
    whole = (session.path / REPORT / "results.json").read_bytes()
    result = run(
        session, "--baseline", baseline(base, session), *ending.split(), "--deselect", "nothing", "-p", "no:randomly"
    )
    result.stdout.fnmatch_lines(["smaller * reproduced*", "larger * contradicted*", "itself * inconclusive*"])
    assert "vanished" not in result.stdout.str()
    assert "newly skipped" not in result.stdout.str()
    assert (session.path / REPORT / "results.json").read_bytes() == whole


def test_what_a_partial_report_says(session: pytest.Pytester) -> None:
    """With -x the theorem is not reached: its claim is not measured, the others have their verdicts, and it is said."""
    result = run(session, "-x")
    result.stdout.fnmatch_lines(["This report is partial: *", "Report: *report-tiny-part/report.html"])
    verdicts, partial = claims_of(session, "report-tiny-part")
    assert partial == {"ended"}
    assert verdicts == {
        "smaller": "reproduced",
        "larger": "contradicted",
        "itself": "inconclusive",
        "elsewhere": "not measured",
        "theorem": "not measured",
    }
    assert "This report is partial" in (session.path / ".vitwork/report-tiny-part/report.html").read_text()


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan", "--collect-only"])
def test_a_session_that_runs_no_tests_does_no_work_and_reports_nothing(session: pytest.Pytester, option: str) -> None:
    """What only shows tests trains nothing and leaves the report as it is."""
    shutil.rmtree(session.path / ".vitwork" / "runs")
    shutil.rmtree(session.path / ".vitwork" / "records")
    whole = (session.path / REPORT / "results.json").read_bytes()
    result = run(session, option)
    assert "Report:" not in result.stdout.str()
    assert not (session.path / ".vitwork" / "runs").exists()
    assert (session.path / REPORT / "results.json").read_bytes() == whole


KILLED = """
import os
import signal
from pathlib import Path


def once(name):
    try:
        Path(name).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_worker_killed_while_it_measures_costs_nothing(session: pytest.Pytester) -> None:
    """Its test is given to another worker, and the session ends as if nothing had been."""
    for path in (session.path / ".vitwork" / "records").rglob("*.json"):
        if b'"name": "size"' in path.read_bytes():
            path.unlink()
    changed = CLAIMS.replace(
        "        parameters = sum", "        from killed import once; once('first')\n        parameters = sum"
    )
    session.makepyfile(test_claims=changed, killed=KILLED)
    result = run(session, "-n", "2")
    outcomes = result.parseoutcomes()
    assert {name: outcomes.get(name, 0) for name in ("passed", "failed", "xfailed", "skipped")} == {
        "passed": 3, "failed": 1, "xfailed": 1, "skipped": 1,
    }  # fmt: skip
    verdicts, _ = claims_of(session, "report-tiny")
    assert verdicts["larger"] == "contradicted"


@pytest.mark.slow
@pytest.mark.parametrize("restart", [(), ("--max-worker-restart", "0")])
def test_a_worker_killed_in_a_test_makes_its_claim_not_measured(
    session: pytest.Pytester, restart: tuple[str, ...]
) -> None:
    """The verdicts of all other claims are those of the plan, also where no worker is left to tell them."""
    killed = CLAIMS.replace("    assert 1 == 1", "    from killed import once; once('first')\n    assert 1 == 1")
    session.makepyfile(test_claims=killed, killed=KILLED)
    run(session, "-n", "1", *restart)
    verdicts, partial = claims_of(session, "report-tiny-part")
    assert partial == {"ended"}
    assert verdicts == {
        "smaller": "reproduced",
        "larger": "contradicted",
        "itself": "inconclusive",
        "elsewhere": "not measured",
        "theorem": "not measured",
    }
    assert claims_of(session, "report-tiny")[0]["theorem"] == "reproduced"


def test_workers_may_have_names_of_their_own(session: pytest.Pytester) -> None:
    """A worker's place is made of its name where xdist did not number it."""
    result = run(session, "-d", "--tx", "popen//id=foo", "--tx", "popen//id=gwx")
    result.assert_outcomes(passed=3, failed=1, xfailed=1, skipped=1)


@pytest.mark.slow
def test_seeds_are_added_until_settled(session: pytest.Pytester) -> None:
    """With --seeds auto an undecided claim gets further seeds up to the budget, and a settled one does not."""
    result = run(session, "-n", "2", "--seeds", "auto", "--max-seeds", "8", "-k", "smaller or itself")
    result.stdout.fnmatch_lines(["itself *inconclusive* 8 *size(vit) < size(vit)*"])
    trained = [json.loads(path.read_bytes()[:-47])["arm"]["name"] for path in outcomes(session)]
    assert trained.count("vit") == 8
    assert 3 <= trained.count("resnet") < 8


def test_a_session_ends_when_its_time_is_up(session: pytest.Pytester) -> None:
    """No run is begun any more, what is not whole is not measured, and the session does not pass."""
    result = run(session, "--max-minutes", "0.000001", "-k", "smaller", "--store", "empty")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not list((session.path / "empty/records").rglob("*.json"))
    result.stdout.fnmatch_lines(["*the session did not come to all of its tests*"])


def test_a_session_with_time_enough_has_the_seeds_that_were_asked_for(session: pytest.Pytester) -> None:
    """It is the session that a number of seeds alone would have made, and it says so in the same words."""
    run(session, "--max-minutes", "60", "--seeds", "4", "-k", "smaller")
    found = json.loads((session.path / f"{REPORT}-changed-part/results.json").read_text())
    told = [one["value"] for one in found["profile"]["deviations"] if one["change"] == "seeds"]
    assert (found["profile"]["seeds"], told, found["sequential"]) == (4, ["4"], False)


def outcomes(session: pytest.Pytester) -> list[Path]:
    """Return the records of runs."""
    return [
        path for path in (session.path / ".vitwork/records").rglob("*.json") if b'{"arm": ' in path.read_bytes()[:10]
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--profile", "nope"), "There is no profile 'nope'; choose one of *"),
        (("--seeds", "0"), "--seeds takes a number from 1 to 1,000, or auto in a session, not 0."),
        (("--seeds", "1000000"), "--seeds takes a number from 1 to 1,000, or auto in a session, not 1000000."),
        (("--store", "conftest.py/store"), "Cannot write *"),
        (("--report", "conftest.py/report"), "Cannot write *"),
        (("--device", "gpu"), "The device 'gpu' cannot be used (*): give cpu, cuda where there is a GPU, or auto."),
        (("--data", "."), "The images of the profile tiny are drawn, so . would not be read: *"),
        (("--max-seeds", "3"), "--max-seeds ends a session with --seeds auto; *"),
        (
            ("--seeds", "auto", "--max-seeds", "2"),
            "--max-seeds takes a number from 3, with which every arm begins, not 2.",
        ),
        (("--seeds", "auto", "--max-minutes", "-1"), "--max-minutes takes a time above 0, not -1."),
        (("--max-minutes", "5", "--engine", "slurm"), "The engine is slurm: --max-minutes ends *"),
        (("--baseline", "missing.json"), "*missing.json cannot be read: *"),
        (("--model", "nowhere:build"), "The arm vit: nowhere:build cannot be imported: No module named 'nowhere'"),
        (("--model", "mobile=timm:vit_tiny_patch16_224"), "The profile tiny has no arm 'mobile'; it has *"),
        (("--set", "epochs=soon"), "epochs cannot be 'soon'; it takes a whole number."),
        (("--profile", "cifar10-micro", "--data", "missing"), "The data folder *missing does not exist*"),
        (("--plan", "--profile", "cifar10-micro", "--data", "missing"), "The data folder *missing does not exist*"),
        (("--plan", "--profile", "published", "--first-seed", "3"), "The networks of published are loaded, *"),
    ],
)
def test_mistakes_are_one_sentence(session: pytest.Pytester, arguments: tuple[str, ...], sentence: str) -> None:
    """Bad input stops the session before it starts, with one sentence and exit status 4."""
    result = run(session, "-n", "2", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {sentence}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


OWN_MODEL = """
from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))
"""


def test_a_model_of_ones_own_takes_an_arms_place(session: pytest.Pytester) -> None:
    """--model trains the user's model as the Transformer, --set changes its recipe, and both are noted as deviations."""
    session.makepyfile(own=OWN_MODEL)
    before = records(session)
    result = run(session, "test_claims.py::test_smaller", "--model", "own:build", "--set", "vit.epochs=2")
    result.assert_outcomes(passed=2)
    found = json.loads((session.path / ".vitwork/report-tiny-changed-part/results.json").read_text())
    assert [
        [deviation[name] for name in ("change", "arm", "field", "value")]
        for deviation in found["profile"]["deviations"][-3:]
    ] == [["model", "vit", "", "own:build"], ["setting", "vit", "epochs", "2"], ["chosen", "", "", ""]]
    models = {run["model"]: (run["parameters"], run["recipe"]["epochs"]) for run in found["runs"]}
    assert models["own:build"] == (3 * 4 * 9 + 4 + 4 * 10 + 10, 2)
    assert len(models) == 2
    assert records(session).items() >= before.items()


def test_plan_trains_nothing(session: pytest.Pytester) -> None:
    """A plan tells runs and the smallest effect that can be decided, and does nothing."""
    shutil.rmtree(session.path / ".vitwork")
    result = run(session, "--plan", "-n", "2")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["6 runs to do*", "* hypotheses, 3 seeds per arm*", "smallest effect that would be decided*"]
    )
    assert not records(session)


def test_a_property_is_checked_again_only_once_its_code_changed(session: pytest.Pytester) -> None:
    """A property that held is not run again; one whose code changed is, and fails where it no longer holds."""
    run(session, "-k", "theorem").assert_outcomes(passed=1, deselected=5)
    broken = CLAIMS.replace("assert 1 == 1", "assert 1 == 2")
    session.makepyfile(test_claims=broken)
    run(session, "-k", "theorem").assert_outcomes(failed=1, deselected=5)
