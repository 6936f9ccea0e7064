"""What is printed, where nothing takes it or somebody's code closes it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.session.test_exit_status import CLAIMS
from vitwork.session.output import Output, lasting

FULL = Path("/dev/full")
full = pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")


def test_streams_are_not_closed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code of a user's that closes the standard streams leaves them to the process, as they were."""
    plain = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", plain[0])
    monkeypatch.setattr(sys, "stderr", plain[1])
    with lasting(patient=False):
        sys.stdout.close()
        sys.stderr.close()
        print("still here")
        sys.stdout.writelines(["a", "b"])
        assert sys.stdout.isatty() is False
    assert (sys.stdout, sys.stderr) == plain
    assert plain[0].getvalue() == "still here\nab"


@full
def test_a_patient_stream_that_takes_no_more_goes_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """The work goes on after one sentence, and what the stream held is no fault at its end; others raise."""
    with FULL.open("w") as stream:
        output = Output(stream, patient=True)
        for _ in range(2):
            assert output.write("a" * 9000) == 9000
            output.flush()
    assert capfd.readouterr().err.splitlines() == [
        "vitwork: the work goes on, and nothing more is printed: No space left on device."
    ]
    with pytest.raises(OSError, match="No space"), FULL.open("w") as stream:
        Output(stream, patient=False).write("a" * 9000)


@full
@pytest.mark.parametrize("options", [("-q",), pytest.param(("-v",), marks=pytest.mark.slow), ("-n", "2")])
def test_a_session_that_cannot_print_leaves_its_report(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    """What was found lies in the report, and the exit status is that of the tests."""
    pytester.makeconftest('pytest_plugins = ["vitwork.plugin"]')
    pytester.makepyfile(test_claims=CLAIMS)
    with FULL.open("w") as stream:
        done = subprocess.run(
            forked.command("pytest", "-p", "no:cacheprovider", *options),
            cwd=pytester.path, stdout=stream, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == "vitwork: the work goes on, and nothing more is printed: No space left on device.\n"
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    (found,) = (pytester.path / ".vitwork").glob("report-*/results.json")
    verdicts = {claim["id"]: claim["verdict"] for claim in json.loads(found.read_text(encoding="utf-8"))["claims"]}
    assert verdicts == {"wrong": "contradicted", "right": "reproduced"}
