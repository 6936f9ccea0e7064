from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.session.small import (
    MEANS,
    Body,
    absent,
    both,
    case,
    error,
    found,
    larger,
    measured,
    planned,
    rough,
    same,
    sharpness,
    smaller,
)  # fmt: skip
from vitwork.design.deviation import Lack, Missing
from vitwork.facts.claims import Constant, Sample
from vitwork.language.measure import Measure
from vitwork.language.sentence import control
from vitwork.language.structured import ordered, rising
from vitwork.language.structured import same as alike
from vitwork.session.judge import judged
from vitwork.session.plan import Plan
from vitwork.session.reading import Case
from vitwork.session.troubles import Troubles
from vitwork.statistics.effect import Verdict
from vitwork.store.store import Store


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (smaller, Verdict.REPRODUCED),
        (larger, Verdict.CONTRADICTED),
        (same, Verdict.INCONCLUSIVE),
        (both, Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_follow_the_values(tmp_path: Path, body: Body, verdict: Verdict) -> None:
    """Stored values become effects and the effects the verdict of the test."""
    assert found(tmp_path, case("claim", body))["claim"].verdict is verdict


def test_hypotheses_are_named_and_numbered(tmp_path: Path) -> None:
    """Each comparison of a test is a hypothesis with an id of its own, parameters included, and all its sides."""

    def given(measure: Measure, when: str) -> None:
        values = measure(error, when=when)
        assert values("vit") < values("resnet")
        assert values("vit") < 2.5

    first, second = found(tmp_path, case("claim", given, when="end"))["claim"].hypotheses
    assert [first.id, second.id] == ["claim[when=end]:1", "claim[when=end]:2"]
    assert [first.statement, second.statement] == ["error(vit) < error(resnet)", "error(vit) < 2.5"]
    assert isinstance(first.sides[1], Sample)
    assert (first.sides[1].arm, len(first.sides[1].values)) == ("resnet", 5)
    assert second.sides[1] == Constant(value=2.5)


def test_sentences_of_several_arms_are_judged_alike(tmp_path: Path) -> None:
    """Trends, orders and sameness are corrected with everything else, and carry levels and bands."""

    def heads(measure: Measure) -> None:
        values = measure(error)
        assert rising(values("vit"), values("resnet"), values("alternet"), levels=(0, 1, 1.005))

    def order(measure: Measure) -> None:
        values = measure(sharpness)
        assert ordered(values("vit"), values("resnet"), values("alternet"))

    def band(measure: Measure) -> None:
        assert alike(measure(error)("resnet"), measure(error)("alternet"), within=1.0)

    findings = found(tmp_path, case("trend", heads), case("order", order), case("same", band))
    assert {name: finding.verdict for name, finding in findings.items()} == {
        "trend": Verdict.REPRODUCED, "order": Verdict.INCONCLUSIVE, "same": Verdict.REPRODUCED,
    }  # fmt: skip
    trend, order_, sameness = (finding.hypotheses[0] for finding in findings.values())
    assert (trend.levels, order_.levels, sameness.within) == ((0, 1, 1.005), None, 1.0)
    assert all(one.effect.adjusted_p >= one.effect.p for one in (trend, order_, sameness))


def test_more_hypotheses_need_more_evidence(tmp_path: Path) -> None:
    """Holm's correction runs over the session: an effect that decides alone may not decide among many."""

    def barely(measure: Measure, number: int) -> None:
        # parameters of the value make distinct hypotheses of one record
        assert measure(error, factor=1.0 + 0.001 * number)("alternet") < 3.5

    alone = found(tmp_path / "alone", case("claim", barely, number=0))["claim"]
    many = found(tmp_path / "many", *(case(f"claim{n}", barely, number=n) for n in range(20)))["claim0"]
    one, among = alone.hypotheses[0].effect, many.hypotheses[0].effect
    assert one.p == among.p
    assert among.adjusted_p > one.adjusted_p


def test_sentences_of_a_test_are_told_apart_by_what_they_measure(tmp_path: Path) -> None:
    """Of two that compare one quantity of the same arms, each has the parameters in which they differ, and no others."""

    def twice(measure: Measure) -> None:
        for when in ("warmup", "end"):
            value = measure(error, when=when)
            assert value("vit") < value("resnet")
        assert measure(error, when="end")("vit") < 2.5

    hypotheses = found(tmp_path, case("claim", twice))["claim"].hypotheses
    assert [one.parameters for one in hypotheses] == [
        {"when": "warmup"},
        {"when": "end"},
        {},
    ]


def test_an_arm_of_which_every_run_diverged_has_not_learned(tmp_path: Path) -> None:
    """Its claims say so, and no accuracy of classes that nobody counted."""
    plan = planned(case("claim", smaller))
    store = measured(tmp_path, plan)
    for want in plan.wanted.values():
        if want.run.arm.name == "vit":
            store.write(want.key, {"values": None})
    (finding,) = judged(plan, store, Troubles()).findings
    assert finding.lack == Lack(Missing.LEARNING, "vit", "all of its 5 trainings diverged")


def test_diverged_run_is_an_outcome(tmp_path: Path) -> None:
    """A run that diverged enters the comparison as a value that is no number, and is not dropped."""
    plan = planned(case("claim", smaller))
    store = measured(tmp_path, plan)
    store.write(next(iter(plan.wanted)), {"values": None})
    (finding,) = judged(plan, store, Troubles()).findings
    effect = finding.hypotheses[0].effect
    assert (effect.n_a, effect.lost, effect.verdict) == (5, (1, 0), Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("missing", [Missing.FAULT, Missing.UNFIT])
def test_trouble_costs_only_the_claims_that_need_it(tmp_path: Path, missing: Missing) -> None:
    """What could not be trained or measured leaves its claims without verdict, with the reason, and no other."""
    plan = planned(case("claim", smaller), case("other", same))
    store, lack = measured(tmp_path, plan), Lack(missing, "vit", "no attention")
    want = next(want for want in plan.wanted.values() if want.run.arm.name == "vit")
    for key in (want.key, want.run.key):
        troubles = Troubles()
        troubles.add(key, lack)
        claim, other = judged(plan, store, troubles).findings
        assert (claim.lack, claim.hypotheses, claim.verdict) == (lack, (), Verdict.NOT_MEASURED)
        assert other.verdict is Verdict.INCONCLUSIVE


def test_what_a_record_lacks_is_named(tmp_path: Path) -> None:
    """A part that the network does not have, a record that is gone and a faulty quantity are told apart."""

    def part(measure: Measure) -> None:
        assert measure(absent)("vit") < 1.0

    assert found(tmp_path, case("part", part))["part"].lack == Lack(Missing.PART, "vit", "MSA block")
    plan = planned(case("gone", smaller))
    store = measured(tmp_path / "gone", plan)
    first = next(iter(plan.wanted))
    store.write(first, {"values": {}})
    (finding,) = judged(plan, store, Troubles()).findings
    assert finding.lack == Lack(Missing.FAULT, "vit", "KeyError in error of vit: 'error'")


def test_a_record_is_read_once_per_judgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hypotheses rest on a record, the store is asked for it once; a judgement that exists needs none."""
    plan = planned(case("one", both), case("two", smaller), case("three", larger))
    store, asked = measured(tmp_path, plan), []
    read = store.read

    def noted(key: str) -> dict[str, Any] | None:
        asked.append(key)
        return read(key)

    monkeypatch.setattr(store, "read", noted)
    first = judged(plan, store, Troubles())
    assert sorted(key for key in asked if key in plan.wanted) == sorted(plan.wanted)
    asked.clear()
    assert judged(plan, store, Troubles()) == first
    assert not set(asked) & set(plan.wanted)


def test_one_process_judges_and_the_others_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers that come at once get one judgement, made once."""
    from vitwork.session import judge

    made, plan = [], planned(case("one", both), case("two", smaller))
    store = measured(tmp_path, plan)
    judgement = judge.Judge.judgement
    monkeypatch.setattr(judge.Judge, "judgement", lambda self: (made.append(1), judgement(self))[1])
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(judged(plan, store, Troubles()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({repr(result) for result in results}) == 1


def test_a_judgement_is_void_once_anything_changed(tmp_path: Path) -> None:
    """Other seeds, another error rate, another sentence or trouble are judged anew."""
    plan = planned(case("claim", smaller))
    store = measured(tmp_path, plan)
    (first,) = judged(plan, store, Troubles()).findings
    (other,) = judged(planned(case("claim", larger)), store, Troubles()).findings
    assert (first.verdict, other.verdict) == (Verdict.REPRODUCED, Verdict.CONTRADICTED)
    (sequential,) = judged(plan, store, Troubles(), sequential=True).findings
    assert sequential.hypotheses[0].effect.p > first.hypotheses[0].effect.p


def accuracies(folder: Path, plan: Plan, vit: float) -> Store:
    """Return a store in which the ViT has an accuracy of its own."""
    store = measured(folder, plan)
    for want in plan.tests["claim"].evaluations["vit"]:
        acc = vit + 0.01 * (want.run.seed - 2)
        store.write(want.key, {"values": {**(store.read(want.key) or {})["values"], "acc": acc}})
    return store


@pytest.mark.parametrize(("accuracy", "learned"), [(0.10, False), (0.20, False), (0.21, False), (0.25, True)])
def test_only_networks_that_have_learned_are_compared(tmp_path: Path, accuracy: float, *, learned: bool) -> None:
    """An arm counts as competent once the lower bound of its accuracy over seeds is above twice chance."""
    plan = planned(case("claim", smaller))
    (finding,) = judged(plan, accuracies(tmp_path, plan, accuracy), Troubles()).findings
    lack = Lack(Missing.LEARNING, "vit", f"{100 * accuracy:.0f} % of 10 classes")
    assert finding.lack == (None if learned else lack)


def test_trainings_that_went_alike_are_not_compared(tmp_path: Path) -> None:
    """Options that say the same train one network under two keys; an arm beside itself is paired, and stays so."""

    def itself(measure: Measure) -> None:
        assert measure(error)("vit") < measure(error, when="warmup")("vit")

    plan = planned(case("claim", smaller), case("itself", itself))
    store = measured(tmp_path, plan)
    epochs = {run.key: [{"epoch": 1, "loss": 2.3 - 0.1 * run.seed}] for run in plan.runs.values()}
    for status, one in (("diverged", False), ("finished", True)):
        for key, history in epochs.items():
            store.write(key, {"status": status, "history": history})
        lacks = {finding.test: finding.lack for finding in judged(plan, store, Troubles()).findings}
        assert lacks == {"claim": Lack(Missing.SAME, "vit", "resnet") if one else None, "itself": None}


def test_a_claim_needs_all_its_primary_tests(tmp_path: Path) -> None:
    """What one test of a claim lacks leaves the claim without verdict, also where another test speaks for it."""

    def elsewhere(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    one, two = case("one", smaller), case("two", elsewhere)
    two = replace(two, claim=one.claim)
    findings = found(tmp_path, one, two)
    assert [finding.lack for finding in findings.values()] == [Lack(Missing.ARM, "swin")] * 2


def test_controls_qualify_and_never_decide(tmp_path: Path) -> None:
    """A contradicted control leaves the verdict as it is, and one that is not measured costs only itself."""

    def with_control(measure: Measure) -> None:
        assert measure(error)("vit") < measure(error)("resnet")
        assert control(measure(error)("vit") > measure(error)("resnet"), "the other way round")

    def elsewhere(measure: Measure) -> None:
        assert control(measure(error)("swin") < 1.0, "in a Swin")

    one, two = case("one", with_control), case("two", elsewhere)
    plan = planned(one, replace(two, claim=one.claim))
    judgement = judged(plan, measured(tmp_path, plan), Troubles())
    first, second = judgement.findings
    assert judgement.decisions["one"].verdict is first.verdict is Verdict.REPRODUCED
    assert first.hypotheses[1].effect.verdict is Verdict.CONTRADICTED
    assert second.lack == Lack(Missing.ARM, "swin")


def test_a_quantity_that_is_all_noise_is_not_tested(tmp_path: Path) -> None:
    """Where a measurement's own error exceeds half of the spread over networks, differences say nothing of networks."""

    def noisy(measure: Measure) -> None:
        assert measure(rough)("vit") < measure(rough)("resnet")

    assert found(tmp_path, case("claim", noisy))["claim"].lack == Lack(Missing.NOISE, what="rough error")


def test_every_quantity_says_how_well_it_is_measured(tmp_path: Path) -> None:
    """A judgement holds each quantity's own error beside its spread; where none is known there is none, and it is tested."""

    def rougher(measure: Measure) -> None:
        assert measure(rough)("vit") < measure(rough)("resnet")

    plan = planned(case("claim", smaller), case("rough", rougher))
    usual, noisy = judged(plan, measured(tmp_path, plan), Troubles()).quantities
    assert (usual.name, usual.error, usual.testable) == ("error", None, True)
    assert usual.spread is not None
    assert (noisy.name, noisy.drawn, noisy.testable) == ("rough error", True, False)
    assert noisy.error is not None
    assert noisy.spread is not None
    assert noisy.error > noisy.spread / 2


def test_a_session_that_is_skewed_as_a_whole_is_guarded(tmp_path: Path) -> None:
    """Two quantities, neither of which is plainly skewed by itself, take the fuller guard together."""

    def sharper(measure: Measure) -> None:
        assert measure(sharpness)("vit") < measure(sharpness)("resnet")

    def penalties(*cases: Case) -> list[tuple[bool, bool, float]]:
        plan = planned(*cases)
        store = measured(tmp_path / str(len(cases)), plan)
        for want in plan.wanted.values():
            leaning = (0.0, 0.05, 0.1, 0.2, 0.45)[want.run.seed]
            values = {"error": MEANS[want.run.arm.name] * (1.0 + leaning), "acc": 0.5, "classes": 10}
            store.write(want.key, {"values": values})
        judgement = judged(plan, store, Troubles())
        guards = [max(one.effect.penalty) for finding in judgement.findings for one in finding.hypotheses]
        return [(q.skewed, q.together, guard) for q, guard in zip(judgement.quantities, guards, strict=True)]

    ((skewed, together, guard),) = penalties(case("claim", smaller))
    assert (skewed, together) == (False, False)
    assert guard <= 2.0
    for skewed, together, guard in penalties(case("claim", smaller), case("sharper", sharper)):
        assert (skewed, together) == (True, True)
        assert guard > 2.0
