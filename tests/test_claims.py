"""The claims themselves, as a session plans them: what they are called, what they ask for, what they say of themselves."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import pytest

from vitwork.plugin import PLAN
from vitwork.profiles import PROFILES, find, registered
from vitwork.report.figures import PAPER
from vitwork.report.words import QUESTIONS
from vitwork.session.collecting import collect, read_claims
from vitwork.session.examined import examined
from vitwork.session.registration import declarations, outlined

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


def test_every_hypothesis_has_an_id_of_its_own(tests):
    """Baselines and reports tell hypotheses apart by their ids, also where several tests decide one claim."""
    ids = [test.case.hypothesis(place) for test in tests for place in range(1, len(test.case.sentences) + 1)]
    assert len(ids) > 50
    assert len(ids) == len(set(ids))


def test_no_claim_is_faulty(tests):
    """Every claim can be read, also those that a small profile cannot measure."""
    assert [test.case.fault for test in tests if test.case.fault] == []


def hypotheses(tests):
    """Return claim, primary or control, statement and parameters of every sentence."""
    return [
        (
            test.case.claim.id,
            sentence.control,
            sentence.statement,
            tuple((side.arm, str(side.measurement), str(side.options)) for side in sentence.references),
        )
        for test in tests
        for sentence in test.case.sentences
    ]


def test_every_claim_has_a_reading_that_decides(tests):
    """No claim is made of controls alone, and what a control says follows a verdict."""
    deciding = {claim for claim, condition, *_ in hypotheses(tests) if not condition}
    assert {claim for claim, *_ in hypotheses(tests)} == deciding
    assert all(condition[0].islower() for _, condition, *_ in hypotheses(tests) if condition)


def test_no_comparison_is_made_twice(tests):
    """Two sentences that compare the same numbers in the same way would be paid for twice."""
    compared = [(statement, sides) for _, _, statement, sides in hypotheses(tests)]
    assert [pair for pair in compared if compared.count(pair) > 1] == []


def test_controls_in_a_claims_own_test_need_no_other_network(tests):
    """A control on other networks stands in a test of its own, so that its absence costs itself alone."""
    for test in tests:
        arms = {
            bool(kind): {
                side.arm
                for sentence in test.case.sentences
                if bool(sentence.control) is kind
                for side in sentence.references
            }
            for kind in (False, True)
        }
        if arms[False]:
            assert arms[True] <= arms[False], test.case.name


def test_the_papers_own_effects_are_on_its_side(tests):
    """A number of the paper's is that of a claim's first deciding sentence, in its direction."""
    first = {}
    for test in tests:
        for sentence in test.case.sentences:
            if not sentence.control:
                first.setdefault(test.case.claim.id, (test.case.claim.paper.effect, sentence))
    stated = {id: pair for id, pair in first.items() if pair[0] is not None}
    assert len(stated) > 20
    for id, (effect, sentence) in stated.items():
        value = math.log(effect) if sentence.first.quantity.scale == "log-ratio" else effect
        right = sentence.sides[-1]
        beyond = value - (getattr(right, "margin", 0.0) if not isinstance(right, float | int) else 0.0)
        assert (beyond < 0) == (sentence.alternative == "less"), id


def test_what_the_paper_does_not_claim_is_marked(tests):
    """Claims of ours, and claims about any network, say so."""
    claims = {test.case.claim.id: test.case.claim for test in tests}
    assert {id for id, claim in claims.items() if claim.ours} == {
        "attention-matrix-lowpass", "hessian-vit-smaller-when-published", "long-range-needs-data", "msa-averages-values",
        "stage-end-msa-matters",
    }  # fmt: skip
    assert {id for id, claim in claims.items() if claim.any_network} == {
        test.case.claim.id for test in tests if not test.case.statistical
    }


def test_every_claim_answers_a_question_and_names_figures_that_can_be_drawn(tests):
    """By the section of the paper; where it says that it rests on figures, it names all of them, in the paper's order."""
    order = [*PAPER, "3"]  # which shows kinds of blocks, no numbers
    for claim in {test.case.claim.id: test.case.claim for test in tests}.values():
        paper = claim.paper
        assert paper.section in QUESTIONS, claim.id
        assert ("Fig." in paper.where) == bool(paper.figures), claim.id
        assert all(number in order and number in paper.where for number in paper.figures), claim.id
        assert list(paper.figures) == sorted(paper.figures, key=order.index), claim.id


def test_the_committed_claim_sheet_is_that_of_the_claims():
    """Collecting the claims gives the file in docs and each profile's family; `python docs/claim_sheet.py` renews both."""
    script = runpy.run_path(str(CLAIMS.parent / "docs" / "claim_sheet.py"))
    assert script["SHEET"].read_text(encoding="utf-8") == script["sheet"](script["read"]())
    assert script["REGISTERED"].read_text(encoding="utf-8") == script["registered"]()


@pytest.mark.parametrize("profile", ["cifar10-micro", "published"])
def test_a_family_is_read_at_its_own_profile(profile):
    """What a claim can state may depend on the arms that a profile has, so each family is that of a plan of all claims."""
    cases = read_claims(collect([CLAIMS]), find(profile))
    plan = outlined(find(profile), cases)
    assert set(declarations(plan)) == set(registered(profile))
    assert plan.family == len(registered(profile))


def test_lesions_of_a_resnet_say_what_is_removed(tests):
    """Every claim on single blocks of a ResNet states that the whole branch falls, not the 3×3 convolution alone."""
    claims = {test.case.claim.id: test.case.claim for test in tests}
    lesions = [claim for id, claim in claims.items() if id.startswith(("lesion-resnet", "lesion-periodic"))]
    assert len(lesions) == 3
    for claim in lesions:
        assert any("3×3 convolution" in deviation for deviation in claim.deviations)


def test_what_was_looked_into_is_of_claims_and_profiles(tests):
    """A misspelt name would be shown nowhere, in silence."""
    notes = examined(CLAIMS)
    assert set(notes) <= {test.case.claim.id for test in tests}
    assert {profile for texts in notes.values() for profile in texts} <= set(PROFILES)


@pytest.mark.parametrize(
    "profile", [profile for profile in PROFILES.values() if profile.left_out], ids=lambda profile: profile.name
)
def test_what_a_profile_leaves_out_is_asked_for_by_a_claim(tests, profile):
    """Each entry matches a sentence; a misspelt one would leave nothing out, in silence."""
    sides = [side for test in tests for sentence in test.case.sentences for side in sentence.references]
    for entry in profile.left_out:
        assert any(entry.matches(side.quantity.name, side.measurement.parameters) for side in sides), entry
