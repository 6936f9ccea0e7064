"""Tests of one claim are told apart, and what their files hold is known whichever of them are chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests import forked
from tests.session.small import both, case, larger, measured, planned, smaller
from vitwork.profiles import find
from vitwork.session.collecting import collect, read_claims, told_apart
from vitwork.session.judge import judged
from vitwork.session.troubles import Troubles


def test_hypotheses_of_tests_that_share_a_claim_have_ids_of_their_own(tmp_path: Path) -> None:
    """Where two tests of a claim would give the same ids, their names do; all others are as they were."""
    one = case("one", both)
    tests = [
        replace(one, name="a.py::test_one"),
        replace(case("two", larger), claim=one.claim, name="a.py::test_two"),
        replace(one, name="b.py::test_two"),
        replace(
            case("three", lambda measure, when: smaller(measure), when=1), claim=one.claim, name="a.py::test_three[1]"
        ),
        case("alone", smaller),
    ]
    plan = planned(*told_apart(tests))
    found = judged(plan, measured(tmp_path, plan), Troubles()).findings
    assert [hypothesis.id for finding in found for hypothesis in finding.hypotheses] == [
        "one[test_one]:1",
        "one[test_one]:2",
        "one[a.py::test_two]:1",
        "one[b.py::test_two]:1",
        "one[b.py::test_two]:2",
        "one[when=1]:1",
        "alone:1",
    ]
    assert told_apart(list(reversed(tests)))[0] == tests[-1]


def test_two_claims_of_one_id_end_the_session(pytester: pytest.Pytester) -> None:
    """Their verdicts and hypotheses would be taken for one another's; the sentence names both tests."""
    text = "from vitwork import *\nfrom vitwork.language.claim import Paper, claim\n@claim('mine', {!r}, paper=Paper('', ''))\ndef test_{}(): pass\n"
    pytester.makepyfile(test_a=text.format("One.", "a"), test_b=text.format("Another.", "b"))
    result = pytester.runpytest("-p", "vitwork.plugin", "--profile", "smoke", "--store", "s")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_a.py::test_a and test_b.py::test_b declare different claims called mine*"])


ODD = """
import pytest
from vitwork.language.claim import Paper, claim
from vitwork.measurements import accuracy

pytest_plugins = ["vitwork.plugin"]

@claim("empty", "Nothing is asked.", paper=Paper("", "\\ud800"))
@pytest.mark.parametrize("arm", [])
def test_empty(measure, arm):
    assert measure(accuracy.accuracy)("vit") > measure(accuracy.accuracy)(arm)

@claim("half", "A part is asked of nothing.", paper=Paper("", ""))
def test_sound(measure):
    assert measure(accuracy.accuracy)("vit") > 5

@claim("half", "A part is asked of nothing.", paper=Paper("", ""))
@pytest.mark.parametrize("arm", [])
def test_nothing(measure, arm):
    assert measure(accuracy.accuracy)("vit") > measure(accuracy.accuracy)(arm)

@claim("quoted", "A number is a text.", paper=Paper("", ""))
def test_quoted(measure):
    assert measure(accuracy.accuracy)("vit") > "5"
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_tests_of_no_parameters_and_faulty_ones_keep_to_themselves(pytester: pytest.Pytester, workers: str) -> None:
    """What pytest never runs leaves its claim not measured, and a comparison with a text fails its test; the session goes on."""
    pytester.makepyfile(test_odd=ODD)
    done = forked.run(
        "pytest", "-p", "vitwork.plugin", "--profile", "smoke", "--store", "s", "-n", workers, cwd=pytester.path
    )
    assert "= 1 failed, 3 skipped in " in done.stdout
    claims = json.loads((pytester.path / "s/report-smoke/results.json").read_text(encoding="utf-8"))["claims"]
    assert {claim["id"]: (claim["verdict"], claim["lack"]["missing"]) for claim in claims} == {
        "empty": ("not measured", "empty"),
        "half": ("not measured", "empty"),
        "quoted": ("not measured", "fault"),
    }
    assert not list((pytester.path / "s/runs").glob("*"))


IN_A_CLASS = """
import pytest
from vitwork.language.claim import Paper, claim
from vitwork.measurements import accuracy

class TestAccuracy:
    arm = "vit"

    @claim("inside", "A class holds a claim.", paper=Paper("", ""))
    @pytest.mark.parametrize("other", ["resnet", "alternet"])
    def test_it(self, measure, other):
        assert measure(accuracy.accuracy)(self.arm) > measure(accuracy.accuracy)(other)
"""


def test_a_method_of_a_test_class_states_a_claim(pytester: pytest.Pytester) -> None:
    """It is read like a function, with an instance of its class."""
    found = read_claims(collect([pytester.makepyfile(test_inside=IN_A_CLASS)]), find("smoke"))
    assert [(len(each.sentences), each.fault) for each in found] == [(1, ""), (1, "")]
