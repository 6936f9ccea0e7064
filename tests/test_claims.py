"""The claims themselves, as a session plans them: what they are called, what they ask for, what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitwork.plugin import COURT

CLAIMS = Path(__file__).parents[1] / "claims"


class Listener:
    """Keeps the court of a session that is only planned."""

    def pytest_collection_finish(self, session):
        self.cases = list(session.config.stash[COURT].cases.values())


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
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
    return listener.cases


def parameters_of(case):
    """Return the parameters of a case's measurements that are not the same in every claim."""
    return {
        (want.parameters.get("which"), want.parameters.get("k"), want.parameters.get("power")) for want in case.wanted
    }


def test_every_hypothesis_has_an_id_of_its_own(cases):
    """Baselines and reports tell hypotheses apart by their ids, also where several tests decide one claim."""
    for case in cases:
        case.effects = [None] * len(case.comparisons)
    ids = [hypothesis.id for case in cases for hypothesis in case.hypotheses]
    assert len(ids) > 50
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("claim", "usual", "control", "count"),
    [
        ("hessian-vit-negative", ("magnitude", 5, None), ("extremes", 2, None), 2),
        ("noise-hf-hurts-resnet", (None, None, "fixed"), (None, None, "equal"), 1),
        ("noise-lf-hurts-vit", (None, None, "fixed"), (None, None, "equal"), 1),
    ],
)
def test_controls_look_at_the_same_networks(cases, claim, usual, control, count):
    """A signed solver and noise of equal power add hypotheses to their claims and no network that would not be trained."""
    of_claim = [case for case in cases if case.claim.id == claim]
    controls = [case for case in of_claim if parameters_of(case) == {control}]
    others = [case for case in of_claim if parameters_of(case) == {usual}]
    assert len(controls) == count == sum(len(case.comparisons) for case in controls)
    assert len(controls) + len(others) == len(of_claim)
    runs = [{want.run.key for case in some for want in case.wanted} for some in (controls, others)]
    assert runs[0] == runs[1]
    assert {
        comparison.statement.replace("|λmin|/λmax", "NEP") for case in controls for comparison in case.comparisons
    } <= {comparison.statement for case in others for comparison in case.comparisons}  # the paper's side


def test_lesions_of_a_resnet_say_what_is_removed(cases):
    """Every claim on single blocks of a ResNet states that the whole branch falls, not the 3×3 convolution alone."""
    lesions = {
        case.claim.id: case.claim for case in cases if case.claim.id.startswith(("lesion-resnet", "lesion-periodic"))
    }
    assert len(lesions) == 3
    for claim in lesions.values():
        assert any("3×3 convolution" in deviation for deviation in claim.deviations)
