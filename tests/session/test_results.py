from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from tests.session.small import PROFILE, case, error, found, measured, planned, smaller
from vitwork.design.deviation import Lack, Missing
from vitwork.language.claim import Claim, Paper
from vitwork.language.measure import Measure
from vitwork.profiles import PUBLISHED, find
from vitwork.report.document import dump, read
from vitwork.session.findings import Finding, Judgement
from vitwork.session.judge import judged
from vitwork.session.results import Costs, Evidence, Session
from vitwork.session.troubles import Troubles
from vitwork.statistics.effect import Verdict
from vitwork.store.store import Store

FREE = Costs({}, {})


def session(**passed: bool) -> Session:
    return Session(PROFILE, None, "pytest claims", 0.0, "", False, {f"claims/a.py::{name}": ok for name, ok in passed.items()})  # fmt: skip


def theorem(name: str) -> Finding:
    claim = Claim("flat", "It is flat.", Paper("Fig. 1", ""))
    return Finding(test=f"claims/a.py::{name}", claim=claim, chapter="Chapter", statistical=False)


def test_a_claim_of_several_tests_is_one_entry_that_reruns_all_of_them() -> None:
    """Tests that share a claim make one entry; each of them is named once in the command that reruns it."""
    findings = [theorem("test_one[x]"), theorem("test_one[y]"), theorem("test_two")]
    (claim,) = session(**{"test_one[x]": True, "test_one[y]": True, "test_two": False}).claims(
        Judgement(tuple(findings), {}, 1), FREE
    )
    assert claim.rerun == "pytest claims/a.py::test_one claims/a.py::test_two --profile smoke --first-seed 0"
    assert claim.verdict is Verdict.CONTRADICTED


def test_a_claim_is_run_again_with_what_its_profile_needs() -> None:
    """Images that cannot be downloaded are named in the command; those that a session was given are, too."""
    findings = Judgement((theorem("test_one"),), {}, 1)
    for profile, data, said in ((find("smoke"), None, ""), (find("cifar10-micro"), None, ""), (PUBLISHED, None, " --data DIR"),
                                (find("cifar10-micro"), Path("here"), " --data DIR")):  # fmt: skip
        (claim,) = replace(session(), profile=profile, data=data).claims(findings, FREE)
        assert claim.rerun == f"pytest claims/a.py::test_one --profile {profile.name}{said}"


def test_the_options_of_all_claims_are_made_once(monkeypatch) -> None:
    """They are those of the session, whatever the claim."""
    made: list[str] = []
    monkeypatch.setattr("vitwork.session.results.options", lambda profile, **_: made.append(profile.name) or "--once")
    findings = [
        structs.replace(theorem(name), claim=Claim(name, "It is.", Paper("", ""))) for name in ("test_one", "test_two")
    ]
    claims = session().claims(Judgement(tuple(findings), {}, 1), FREE)
    assert [claim.rerun.rpartition(" ")[2] for claim in claims] == ["--once"] * 2
    assert made == [PROFILE.name]


def test_a_test_that_was_not_reached_proves_nothing() -> None:
    """A property whose test did not run, since the session ended early, is not measured."""
    assert session().claims(Judgement((theorem("test_one"),), {}, 1), FREE)[0].verdict is Verdict.NOT_MEASURED
    half = session(test_one=True).claims(Judgement((theorem("test_one"), theorem("test_two")), {}, 1), FREE)[0]
    assert half.verdict is Verdict.NOT_MEASURED
    assert half.lack == Lack(Missing.REACH)


def test_what_one_test_lacks_leaves_the_claim_unmeasured(tmp_path: Path) -> None:
    """A claim of two tests of which one was not measured has no verdict, and says what is lacking."""

    def elsewhere(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    one, two = case("one", smaller), case("two", elsewhere)
    findings = found(tmp_path, one, replace(two, claim=one.claim))
    (claim,) = session().claims(Judgement(tuple(findings.values()), {}, 1), FREE)
    assert (claim.verdict, claim.lack) == (Verdict.NOT_MEASURED, Lack(Missing.ARM, "swin"))


def test_results_hold_what_the_session_rests_on(tmp_path: Path) -> None:
    """Runs and records are listed once each, with their costs, and a claim costs what it rests on."""
    plan = planned(case("claim", smaller), case("again", smaller))
    store = measured(tmp_path, plan)
    for run in plan.runs.values():
        store.write(run.key, {"arm": {"model": run.arm.model}, "seconds": 10.0, "status": "finished"})
    for key in plan.wanted:
        store.write(key, {**(store.read(key) or {}), "seconds": 1.0, "joules": 2.0, "parameters": {"when": "end"}})
    evidence = Evidence(judged(plan, store, Troubles()), dict(plan.code))
    results = session().results(evidence, store)
    assert (len(results.runs), len(results.measurements)) == (10, 20)
    assert {run.model for run in results.runs} == {"vit_ti", "preresnet_18"}
    assert [claim.cost_seconds for claim in results.claims] == [120.0, 120.0]
    assert results.claims[0].cost_joules is None  # the runs' energy is not known
    assert [hypothesis.claim for hypothesis in results.hypotheses] == ["claim", "again"]
    assert results.claims[0].arms == ("resnet", "vit")
    assert "vitwork.training.train" in results.provenance.code


def test_a_property_says_nothing_of_what_was_not_measured(tmp_path: Path) -> None:
    """Where the tests of a claim that measure have no values, one that measures nothing does not decide it alone; nor does a control."""
    one = case("one", smaller)
    plan = planned(one)
    findings = judged(plan, Store(tmp_path), Troubles()).findings
    prove = replace_claim(theorem("test_one"), findings[0].claim)
    (claim,) = session(test_one=True).claims(Judgement((*findings, prove), {}, 1), FREE)
    assert (claim.verdict, claim.lack) == (Verdict.NOT_MEASURED, Lack(Missing.RECORD, "vit", "evaluation"))
    (claim,) = session(test_one=False).claims(Judgement((*findings, prove), {}, 1), FREE)
    assert claim.verdict is Verdict.CONTRADICTED
    qualifying = structs.replace(findings[0], qualifies=True)
    (claim,) = session(test_one=True).claims(Judgement((qualifying, prove), {}, 1), FREE)
    assert (claim.verdict, claim.lack) == (Verdict.REPRODUCED, None)


def test_a_property_that_was_not_reached_is_named_beside_what_was_decided(tmp_path: Path) -> None:
    """A claim with measured comparisons that hold is not measured without its property, and says that this is lacking."""
    plan = planned(case("one", smaller))
    judgement = judged(plan, measured(tmp_path, plan), Troubles())
    prove = replace_claim(theorem("test_one"), judgement.findings[0].claim)
    whole = structs.replace(judgement, findings=(*judgement.findings, prove))
    assert session(test_one=True).claims(whole, FREE)[0].verdict is Verdict.REPRODUCED
    (claim,) = session().claims(whole, FREE)
    assert (claim.verdict, claim.lack) == (Verdict.NOT_MEASURED, Lack(Missing.REACH))


def test_values_that_are_no_record_are_not_shown(tmp_path: Path) -> None:
    """What a measurement once stored without names is a fault of its claim, and no value of the document."""
    plan = planned(case("one", smaller))
    store = measured(tmp_path, plan)
    broken = next(want for want in plan.wanted.values() if want.measurement.name == "reading")
    store.write(broken.key, {"values": [1, 2]})
    evidence = Evidence(judged(plan, store, Troubles()), dict(plan.code))
    results = session().results(evidence, store)
    assert results.claims[0].verdict is Verdict.NOT_MEASURED
    assert results.claims[0].lack == Lack(Missing.FAULT, "vit", "the record of reading of vit holds no dict of values")
    (tmp_path / "results.json").write_bytes(dump(results))
    assert read(tmp_path).measurements


def replace_claim(finding: Finding, claim: Claim) -> Finding:
    return structs.replace(finding, claim=claim)
