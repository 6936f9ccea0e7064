"""The claims themselves, as a session plans them: what they are called, what they ask for, what they say of themselves."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from vitwork.plugin import PLAN

CLAIMS = Path(__file__).parents[1] / "claims"


class Listener:
    """Keeps the tests of a session that is only planned."""

    def pytest_collection_finish(self, session):
        self.tests = list(session.config.stash[PLAN].tests.values())


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    listener = Listener()
    arguments = [
        str(CLAIMS),
        "--plan",
        "-q",
        "-p",
        "no:cacheprovider",
        "--store",
        str(tmp_path_factory.mktemp("store")),
    ]
    pytest.main(arguments, plugins=[listener])
    return listener.tests


def parameters_of(test):
    """Return the parameters of a test's measurements that are not the same in every claim."""
    return {
        tuple(want.measurement.parameters.get(name) for name in ("which", "k", "power"))
        for want in test.wanted.values()
    }


def test_every_hypothesis_has_an_id_of_its_own(tests):
    """Baselines and reports tell hypotheses apart by their ids, also where several tests decide one claim."""
    ids = [test.case.hypothesis(place) for test in tests for place in range(1, len(test.case.sentences) + 1)]
    assert len(ids) > 50
    assert len(ids) == len(set(ids))


def test_no_claim_is_faulty(tests):
    """Every claim can be read, also those that a small profile cannot measure."""
    assert [test.case.fault for test in tests if test.case.fault] == []


@pytest.mark.parametrize(
    ("claim", "usual", "control", "count"),
    [
        ("hessian-vit-negative", ("magnitude", 5, None), ("extremes", 2, None), 2),
        ("noise-hf-hurts-resnet", (None, None, "fixed"), (None, None, "equal"), 1),
        ("noise-lf-hurts-vit", (None, None, "fixed"), (None, None, "equal"), 1),
    ],
)
def test_controls_look_at_the_same_networks(tests, claim, usual, control, count):
    """A signed solver and noise of equal power add hypotheses to their claims and no network that would not be trained."""
    of_claim = [test for test in tests if test.case.claim.id == claim]
    controls = [test for test in of_claim if parameters_of(test) == {control}]
    others = [test for test in of_claim if parameters_of(test) == {usual}]
    assert len(controls) == count == sum(len(test.case.sentences) for test in controls)
    assert len(controls) + len(others) == len(of_claim)
    runs = [{want.run.key for test in some for want in test.wanted.values()} for some in (controls, others)]
    assert runs[0] == runs[1]
    assert {
        sentence.statement.replace("|λmin|/λmax", "NEP") for test in controls for sentence in test.case.sentences
    } <= {sentence.statement for test in others for sentence in test.case.sentences}  # the paper's side


def test_the_committed_claim_sheet_is_that_of_the_claims():
    """Collecting the claims gives the file in docs; `python docs/claim_sheet.py` renews it."""
    script = runpy.run_path(str(CLAIMS.parent / "docs" / "claim_sheet.py"))
    assert script["SHEET"].read_text(encoding="utf-8") == script["sheet"]()


def test_lesions_of_a_resnet_say_what_is_removed(tests):
    """Every claim on single blocks of a ResNet states that the whole branch falls, not the 3×3 convolution alone."""
    claims = {test.case.claim.id: test.case.claim for test in tests}
    lesions = [claim for id, claim in claims.items() if id.startswith(("lesion-resnet", "lesion-periodic"))]
    assert len(lesions) == 3
    for claim in lesions:
        assert any("3×3 convolution" in deviation for deviation in claim.deviations)
