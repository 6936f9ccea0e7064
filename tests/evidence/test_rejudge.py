"""Published verdicts judged again: the same, or what differs is named."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.evidence.published import CASES, UNDECIDED, again, changed, unmeasured, without
from tests.session.small import case, error
from vitwork.design.deviation import Change, Deviation, Lack, Missing
from vitwork.evidence.rejudge import WHOLE, rejudge
from vitwork.facts.checks import Agreement, Code, Kind
from vitwork.facts.claims import ClaimResult, Hypothesis
from vitwork.facts.document import ProfileResult, Results
from vitwork.language.claim import Paper
from vitwork.language.measure import Measure
from vitwork.report.document import dump, read
from vitwork.report.words import evidence as words
from vitwork.statistics.effect import Effect, Verdict


def outcomes(results: Results, cases=CASES) -> dict[str, Agreement]:
    return {found.claim: found.outcome for found in rejudge(again(results, cases)).claims}


def test_an_honest_report_is_judged_the_same(results: Results) -> None:
    """Every verdict, p, effect and value follows from the records, all of which the installed code made."""
    found = rejudge(again(results))
    assert {claim.claim: claim.outcome for claim in found.claims} == {
        "smaller": Agreement.SAME,
        "alike": Agreement.SAME,
    }
    assert {claim.claim: claim.before for claim in found.claims}["smaller"] is Verdict.REPRODUCED
    assert found.code == {name: {Code.INSTALLED: 27} for name in ("training", "reading", "evaluation")}
    assert (found.moved, found.differs, found.unlike) == ((), False, False)


def test_another_verdict_is_named(results: Results) -> None:
    """A published verdict that the records do not bear is another one, with the numbers that differ."""
    forged = changed(results, "claims", lambda claim: claim.id == "alike", verdict=Verdict.REPRODUCED, p=0.001)
    (found,) = rejudge(again(forged)).those(Agreement.DIFFERENT)
    assert (found.claim, found.before, found.after) == ("alike", Verdict.REPRODUCED, Verdict.INCONCLUSIVE)
    assert [moved.field for moved in found.moved] == ["p"]


def test_another_reason_not_to_be_measured_is_named(results: Results) -> None:
    """The counts by reason that a report shows are then not those of the claims that are installed."""

    def elsewhere(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    lacks = {"lacking": Lack(Missing.ARM, "pit"), "as before": Lack(Missing.ARM, "swin")}
    claims = tuple(unmeasured(results, id, lack) for id, lack in lacks.items())
    report = structs.replace(results, claims=(*results.claims, *claims))
    found = rejudge(again(report, (*CASES, *(case(id, elsewhere) for id in lacks))))
    lines = list(words.rejudged(found, report))
    assert "2 claims not measured, then as now." in lines
    pit, swin = (f"needs the arm {name}, which the profile does not have" for name in ("pit", "swin"))
    assert f"    lack: {pit} published, {swin} now" in lines
    assert (found.differs, found.unlike) == (False, True)


def test_values_that_the_records_do_not_give_are_named(results: Results) -> None:
    """A value per seed that was changed is named with its seed, also where the verdict stays the same."""
    first = results.hypotheses[0]
    side = structs.replace(first.sides[0], values=(9.0, *first.sides[0].values[1:]))
    forged = changed(results, "hypotheses", lambda one: one.id == first.id, sides=(side, first.sides[1]))
    (found,) = rejudge(again(forged)).those(Agreement.NUMBERS)
    assert [(moved.field, moved.before) for moved in found.moved] == [("value of vit seed 0", 9.0)]
    assert any("value of vit seed 0: 9 published" in line for line in words.rejudged(rejudge(again(forged)), forged))


def test_a_margin_that_was_changed_is_named(results: Results) -> None:
    """What the installed claim states counts, not what the report says of it."""
    first = results.hypotheses[0]
    forged = changed(results, "hypotheses", lambda one: one.id == first.id, effect=replace(first.effect, margin=0.7))
    (found,) = rejudge(again(forged)).those(Agreement.NUMBERS)
    assert ("effect.margin", 0.7, 0.0) in [(moved.field, moved.before, moved.after) for moved in found.moved]


def test_an_error_rate_that_was_changed_is_named(results: Results) -> None:
    """Verdicts are held to the rate of the installed profile, not to the one that a report tells of itself."""
    forged = structs.replace(results, alpha=0.5)
    found = rejudge(again(forged))
    assert [(moved.field, moved.before, moved.after) for moved in found.moved] == [("alpha", 0.5, 0.05)]
    assert "    alpha: 0.5 published, 0.05 now" in words.rejudged(found, forged)


def test_an_arm_that_was_renamed_is_known_by_what_was_trained(results: Results, tmp_path: Path) -> None:
    """Its records are read, and their keys tell that the installed code made them; only the names differ."""
    path = tmp_path / "results.json"
    path.write_bytes(re.sub(rb'"arm": ?"vit"', b'"arm":"old"', dump(results)).replace(b"(vit)", b"(old)"))
    assert b'"arm":"old"' in path.read_bytes()
    found = rejudge(again(read(path)))
    assert found.code["training"] == {Code.INSTALLED: 27}
    assert {claim.outcome for claim in found.claims} == {Agreement.SAME}
    assert {moved.field for moved in found.claims[0].moved} == {"statement", "arm", "label"}
    assert (found.differs, found.unlike) == (False, True)


def test_what_cannot_be_judged_again_says_why(results: Results) -> None:
    """Records of a kind that are gone, and a claim that is not installed, leave a verdict that is not judged again."""
    gone = without(results, lambda entry: (entry.arm, entry.name) == ("vit", "reading"))
    assert outcomes(gone) == {"smaller": Agreement.LOST, "alike": Agreement.SAME}
    found = rejudge(again(gone))
    assert found.claims[0].lack == Lack(Missing.RECORD, "vit", "reading")
    assert (found.gaps, found.differs, found.unlike) == ((), False, False)
    assert outcomes(results, CASES[1:]) == {"smaller": Agreement.LOST, "alike": Agreement.SAME}


@pytest.mark.parametrize("odd", [{"acc": None}, {"acc": [1.0]}, {"acc": "half"}, {"classes": 0}, {"classes": None}])
def test_an_evaluation_that_cannot_be_read_leaves_its_claims_unjudged(results: Results, odd: dict[str, Any]) -> None:
    """A report may be from anyone: whether its networks have learned is not guessed from what is no number."""
    entries = tuple(
        structs.replace(entry, values={**entry.values, **odd}) if entry.name == "evaluation" else entry
        for entry in results.measurements
    )
    found = rejudge(again(structs.replace(results, measurements=entries)))
    assert {claim.outcome for claim in found.claims} == {Agreement.LOST}
    assert any("the evaluation of vit cannot be read" in line for line in words.rejudged(found, results))


def test_a_record_of_older_code_is_not_guessed(results: Results) -> None:
    """An accuracy that does not tell of how many classes leaves its claims unjudged."""
    entries = tuple(
        structs.replace(entry, values={name: value for name, value in entry.values.items() if name != "classes"})
        for entry in results.measurements
    )
    found = rejudge(again(structs.replace(results, measurements=entries)))
    assert {claim.outcome for claim in found.claims} == {Agreement.LOST}
    assert any(
        "of vit does not tell 'classes': smaller (reproduced)" in line for line in words.rejudged(found, results)
    )


def test_a_claim_that_the_report_does_not_have_is_new(results: Results) -> None:
    """An installed claim that was not published is named: it may have been dropped, but from a report of chosen tests."""

    def more(measure: Measure) -> None:
        assert measure(error)("vit") < measure(error)("alternet")

    cases = (*CASES, case("more", more))
    assert outcomes(results, cases)["more"] is Agreement.NEW
    assert rejudge(again(results, cases)).unlike
    changes = (*results.profile.deviations, Deviation(Change.CHOSEN))
    part = structs.replace(results, profile=structs.replace(results.profile, deviations=changes))
    assert not rejudge(again(part, cases)).unlike


def test_records_of_other_code_are_marked(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that follows from another hash, which the report tells, is of other code; one that follows from none is unknown."""
    assert rejudge(again(results)).code["training"] == {Code.INSTALLED: 27}
    runs = tuple(structs.replace(run, options={"depth": 99}) for run in results.runs)
    unknown = rejudge(again(structs.replace(results, runs=runs)))
    assert unknown.code["training"] == {Code.UNKNOWN: 27}
    assert unknown.unlike
    monkeypatch.setattr("vitwork.evidence.rejudge.source_hash", lambda module: f"changed {module}")
    counts = rejudge(again(results)).code
    assert counts == {name: {Code.OTHER: 27} for name in ("training", "reading", "evaluation")}
    assert list(words.code(counts)) == [
        "Made by other code than the installed one, as their keys tell: training 27 of 27, reading 27 of 27, evaluation 27 of 27."
    ]


def other(value: Any) -> Any:
    """Return another value of a field."""
    match value:
        case bool():
            return not value
        case None | float() | int():
            return (value or 0.0) + 0.25
        case tuple():
            return (*value, "another")
        case Paper():
            return replace(value, values="another")
        case ProfileResult():
            return structs.replace(value, summary="another")
    return "another"


@pytest.mark.parametrize(
    "field", sorted({*ClaimResult.__struct_fields__} - {"id", "verdict", "registered", "hypotheses"})
)
def test_every_field_of_a_claim_is_compared(results: Results, field: str) -> None:
    """What a report says of a claim is what the installed one declares and what follows from the records, or it is named."""
    another = Lack(Missing.FAULT) if field == "lack" else other(getattr(results.claims[0], field))
    forged = changed(results, "claims", lambda one: one.id == "smaller", **{field: another})
    found = rejudge(again(forged))
    (moved,) = [moved for moved in found.claims[0].moved if moved.field.partition(".")[0] == field]
    assert (moved.kind is Kind.NOTE) == (field == "examined")
    assert (found.differs or found.unlike) == (field != "examined")
    assert any(field in line for line in words.rejudged(found, forged))


@pytest.mark.parametrize("field", sorted({*Hypothesis.__struct_fields__} - {"id", "claim", "effect", "sides"}))
def test_every_field_of_a_hypothesis_is_compared(results: Results, field: str) -> None:
    """A statement, unit or control that the installed claim does not have is declared otherwise, by the same numbers."""
    first = results.hypotheses[0]
    forged = changed(results, "hypotheses", lambda one: one.id == first.id, **{field: other(getattr(first, field))})
    found = rejudge(again(forged))
    assert [moved.field for moved in found.claims[0].moved] == [field]
    assert (found.differs, found.unlike) == (False, True)


@pytest.mark.parametrize("field", [field.name for field in fields(Effect)])
def test_every_number_of_an_effect_is_compared(results: Results, field: str) -> None:
    """An effect is what the installed statistics give of the records: every field of it."""
    effect = results.hypotheses[0].effect
    forged = changed(
        results, "hypotheses", lambda one: one.id == results.hypotheses[0].id,
        effect=replace(effect, **{field: other(getattr(effect, field))}),
    )  # fmt: skip
    assert rejudge(again(forged)).differs


@pytest.mark.parametrize("field", [*WHOLE, "quantities"])
def test_what_a_report_says_as_a_whole_is_compared(results: Results, field: str) -> None:
    """Profile, error rate, family and quantities are those of the installed claims."""
    found = rejudge(again(structs.replace(results, **{field: other(getattr(results, field))})))
    assert found.differs or found.unlike


def test_a_report_tells_every_deviation_of_its_profile(results: Results) -> None:
    """A report cannot leave out in what its profile differs from the paper's setting."""
    forged = structs.replace(results, profile=structs.replace(results.profile, deviations=()))
    found = rejudge(again(forged))
    assert found.unlike
    assert [moved.field for moved in found.moved] == ["profile.deviations"]


def test_a_measured_claim_is_no_property(results: Results) -> None:
    """Which claims are checked on examples the installed claims say: a verdict whose hypotheses were deleted is another one."""
    bare = changed(
        results, "claims", lambda one: one.id == "alike", verdict=Verdict.REPRODUCED, **UNDECIDED, hypotheses=()
    )  # fmt: skip
    forged = structs.replace(bare, hypotheses=tuple(one for one in bare.hypotheses if one.claim != "alike"))
    assert outcomes(forged)["alike"] is Agreement.DIFFERENT


def test_a_claim_that_was_never_measured_cannot_be_reproduced(results: Results) -> None:
    """A verdict without hypotheses about networks of the report is another one, also where the profile cannot measure it."""

    def elsewhere(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    claim = structs.replace(results.claims[0], id="never", hypotheses=(), **UNDECIDED)
    report = structs.replace(results, claims=(*results.claims, claim))
    assert outcomes(report, (*CASES, case("never", elsewhere)))["never"] is Agreement.DIFFERENT


def test_a_property_is_as_told_and_nothing_else_of_it(results: Results) -> None:
    """The verdict of a claim that is checked on examples is taken as told, while its sentence is compared."""
    theorem = replace(case("theorem", lambda measure: None), statistical=False, fault="", sentences=())
    cases = (*CASES, theorem)
    told = unmeasured(results, "theorem", None, Verdict.REPRODUCED)
    report = structs.replace(results, claims=(*results.claims, told))
    assert outcomes(report, cases)["theorem"] is Agreement.PROPERTY
    assert not rejudge(again(report, cases)).unlike
    reworded = changed(report, "claims", lambda one: one.id == "theorem", sentence="The reverse.")
    assert rejudge(again(reworded, cases)).unlike
    assert rejudge(again(changed(report, "claims", lambda one: one.id == "theorem", p=0.01), cases)).differs


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "diverged"), ("model", "another"), ("recipe", {"epochs": 300}), ("data", {"source": "imagenet"})],
)
def test_what_a_report_tells_of_a_network_is_compared(results: Results, field: str, value: Any) -> None:
    """One network that was trained otherwise than its profile says, or diverged and has values, is named."""
    first = results.runs[0]
    own = getattr(first, field)
    forged = changed(
        results, "runs", lambda run: run.key == first.key, **{field: {**own, **value} if isinstance(own, dict) else value}
    )  # fmt: skip
    found = rejudge(again(forged))
    assert (found.differs, found.unlike) == (False, True)
    assert all(moved.field.startswith(field) and f"of {first.arm} seed" in moved.field for moved in found.moved)
    assert found.moved
