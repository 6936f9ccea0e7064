"""Workers are started only where there is work, as far as the last session can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import forked
from vitwork.design.deviation import Lack, Missing
from vitwork.language.claim import Claim, Paper
from vitwork.session import nothing_to_do
from vitwork.session.findings import Finding

CONFTEST = 'pytest_plugins = ["vitwork.plugin"]\n'
CLAIMS = """
from vitwork.language.claim import Paper, claim

@claim("larger", "Two is larger.", paper=Paper("Fig. 0", "none"))
def test_larger():
    assert 2 > 1
"""
OWN = "def test_of_something_else():\n    pass\n"


def workers(*arguments: str) -> bool:
    """Run a session with a worker asked for, and return whether it was started."""
    done = forked.run("pytest", "-p", "no:cacheprovider", "-n", "1", *arguments, cwd=Path.cwd())
    assert done.returncode == 0, done.stdout
    assert "1 of 1 claim of the paper decided" in done.stdout, done.stdout
    started = "1 worker [" in done.stdout
    assert started is not ("no workers are started" in done.stdout)
    return started


def test_workers_are_started_where_there_may_be_work(pytester: pytest.Pytester) -> None:
    """A session with nothing to do has none; what changes, is asked for otherwise or is no claim's starts them again."""
    claims, records = pytester.path / "claims", pytester.path / ".vitwork" / "records" / "ab"
    claims.mkdir()
    pytester.makeconftest(CONFTEST)
    (claims / "test_claims.py").write_text(CLAIMS)
    assert workers("claims")
    assert not workers("claims")
    assert not workers("claims")  # of which the one before left a note, too
    (pytester.path / ".vitwork" / "idle").write_bytes(b"\xff" * 40)  # as a disk may leave it
    assert workers("claims")
    pytester.makeconftest(CONFTEST + "# a profile, say")
    assert workers("claims")
    (claims / "conftest.py").write_text("")
    assert workers("claims")
    records.mkdir(parents=True)  # as a record would that came from elsewhere
    assert workers("claims")
    assert workers("claims", "-k", "larger")
    (claims / "test_own.py").write_text(OWN)
    assert workers("claims")
    assert workers("claims")  # each time: somebody's own tests are no work that is done once


@pytest.mark.parametrize(
    ("lack", "noted"),
    [(None, True), (Lack(Missing.ARM, "vit"), True), (Lack(Missing.FAULT), False), (Lack(Missing.REACH), False)],
)
def test_what_failed_is_tried_again_by_workers(
    lack: Lack | None, noted: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fault leaves something undone; an arm that the profile does not have never comes."""
    monkeypatch.setattr(nothing_to_do, "_note", lambda config: tmp_path / "note")
    request.config.stash[nothing_to_do.IMPORTED] = []
    claim = Claim("larger", "Two is larger.", paper=Paper("Fig. 0", "none"))
    finding = Finding(test="test_larger", claim=claim, chapter="", statistical=True, lack=lack, qualifies=False)
    nothing_to_do.note(request.config, [finding], {"test_larger"})
    assert (tmp_path / "note").exists() is noted
