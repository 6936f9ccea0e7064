from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitwork.design.profiles import SMOKE, Profile
from vitwork.language.claim import Claim, Paper
from vitwork.statistics.effect import Verdict
from vitwork.language.quantity import Quantity, measurement, quantity
from vitwork.session.judge import Case, Court, Measure
from vitwork.session.plan import Plan
from vitwork.store.store import Store

PROFILE = replace(SMOKE, seeds=5, effort={"reading": {"effort": 2}})
MEANS = {"vit": 1.0, "resnet": 3.0, "alternet": 3.01}
WOBBLE = (0.0, 0.1, -0.1, 0.05, -0.05)


@measurement
def reading(run: Any, *, when: str = "end", effort: int = 1) -> dict[str, Any]:
    raise AssertionError("the court reads records; it never measures")


@quantity(reading, name="error")
def error(record: dict[str, Any], factor: float = 1.0) -> float:
    return factor * float(record["error"])


def case(name: str, body: Callable[..., None], **parameters: Any) -> Case:
    return Case(name, Claim(name, "A sentence.", Paper("Fig. 1", "")), "Chapter", parameters, body)


def court(tmp_path: Path, *cases: Case, profile: Profile = PROFILE) -> Court:
    """Return a court that has heard the cases, with every planned record in its store."""
    found = Court(profile, Store(tmp_path), Plan())
    found.hear(cases)
    for want in found.plan.wanted.values():
        value = MEANS[want.run.arm.name] + WOBBLE[want.run.seed % 5]
        found.store.write(want.key, {"values": {"error": value}, "parameters": dict(want.parameters)})
    return found


def smaller(measure: Measure) -> None:
    assert measure(error)("vit") < measure(error)("resnet")


def larger(measure: Measure) -> None:
    assert measure(error)("vit") > measure(error)("resnet")


def same(measure: Measure) -> None:
    assert measure(error)("alternet") < measure(error)("resnet")


def both(measure: Measure) -> None:
    assert measure(error)("vit") < measure(error)("resnet")
    assert measure(error)("alternet") < measure(error)("resnet")


def test_plan_is_the_union_of_what_the_claims_need(tmp_path: Path) -> None:
    """Claims that share runs and measurements plan them once, with the profile's effort in the parameters."""
    found = court(tmp_path, case("one", smaller), case("two", both))
    assert {(run.arm.name, run.seed) for run in found.plan.runs.values()} == {
        (arm, seed) for arm in ("vit", "resnet", "alternet") for seed in range(5)
    }
    assert len(found.plan.wanted) == 15
    assert {want.parameters["effort"] for want in found.plan.wanted.values()} == {2}
    assert len(found.cases["one"].wanted) == 10


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (smaller, Verdict.REPRODUCED),
        (larger, Verdict.CONTRADICTED),
        (same, Verdict.INCONCLUSIVE),
        (both, Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_follow_the_values(tmp_path: Path, body: Callable[..., None], verdict: Verdict) -> None:
    """Stored values become effects and the effects the verdict of the test."""
    found = court(tmp_path, case("claim", body))
    found.weigh({}, {})
    assert found.cases["claim"].verdict is verdict


def test_hypotheses_are_named_and_numbered(tmp_path: Path) -> None:
    """Each comparison of a test is a hypothesis with an id of its own, parameters included."""

    def given(measure: Measure, when: str) -> None:
        values = measure(error, when=when)
        assert values("vit") < values("resnet")
        assert values("vit") < 2.5

    found = court(tmp_path, case("claim", given, when="end"))
    found.weigh({}, {})
    hypotheses = found.cases["claim"].hypotheses
    assert [hypothesis.id for hypothesis in hypotheses] == ["claim[when=end]:1", "claim[when=end]:2"]
    assert [hypothesis.statement for hypothesis in hypotheses] == ["error(vit) < error(resnet)", "error(vit) < 2.5"]


def test_delivery_repeats_the_verdicts(tmp_path: Path) -> None:
    """When pytest runs the test, a contradicted comparison is false and every other is true."""
    found = court(tmp_path, case("yes", smaller), case("no", larger), case("open", same))
    found.weigh({}, {})
    smaller(found.measure(found.cases["yes"]))
    same(found.measure(found.cases["open"]))
    with pytest.raises(AssertionError):
        larger(found.measure(found.cases["no"]))


def test_more_hypotheses_need_more_evidence(tmp_path: Path) -> None:
    """Holm's correction runs over the session: an effect that decides alone may not decide among many."""

    def barely(measure: Measure, number: int) -> None:
        # parameters of the value make distinct hypotheses of one record
        assert measure(error, factor=1.0 + 0.001 * number)("alternet") < 3.5

    alone = court(tmp_path / "alone", case("claim", barely, number=0))
    alone.weigh({}, {})
    many = court(tmp_path / "many", *(case(f"claim{n}", barely, number=n) for n in range(20)))
    many.weigh({}, {})
    one, among = alone.cases["claim"].effects[0], many.cases["claim0"].effects[0]
    assert one.p == among.p
    assert among.adjusted_p > one.adjusted_p


def test_missing_arm_is_not_measured(tmp_path: Path) -> None:
    """A claim that needs an arm or a snapshot which the profile lacks says so, and nothing is planned for it."""

    def exotic(measure: Measure) -> None:
        assert measure(error)("swin") < 1.0

    def early(measure: Measure) -> None:
        assert measure(error, when=100)("vit") < 1.0

    def half(measure: Measure) -> None:
        assert measure(error)("vit") < 90.0
        assert measure(error)("swin") < 1.0

    found = court(tmp_path, case("arm", exotic), case("time", early), case("half", half))
    found.weigh({}, {})
    assert found.cases["arm"].lacking == "needs the arm swin, which the profile smoke does not train"
    assert "vit at 100" in found.cases["time"].lacking
    assert found.cases["arm"].verdict is Verdict.NOT_MEASURED
    assert not found.plan.runs  # not even for the comparison that could be measured: the test ends before it is judged
    assert not found.cases["half"].wanted


def test_diverged_run_is_an_outcome(tmp_path: Path) -> None:
    """A run that diverged enters the comparison as a value that is no number, and is not dropped."""
    found = court(tmp_path, case("claim", smaller))
    lost = next(iter(found.cases["claim"].wanted))
    found.store.write(lost.key, {"values": None})
    found.weigh({}, {})
    (effect,) = found.cases["claim"].effects
    assert effect.n_a == 5
    assert effect.verdict is Verdict.INCONCLUSIVE


def test_fault_is_told_and_contained(tmp_path: Path) -> None:
    """A run that could not be trained makes its claims 'not measured' with the reason, and no other."""
    found = court(tmp_path, case("claim", smaller), case("other", same))
    run = next(want.run for want in found.plan.wanted.values() if want.run.arm.name == "vit")
    found.weigh({run.key: "The disk is full."}, {})
    assert (found.cases["claim"].lacking, found.cases["claim"].broken) == ("The disk is full.", True)
    assert found.cases["other"].verdict is Verdict.INCONCLUSIVE


def test_a_measurement_that_fails_costs_only_the_claims_that_need_it(tmp_path: Path) -> None:
    """A fault in one measurement breaks its claims; one that the network's kind does not allow leaves them not measured."""
    found = court(tmp_path, case("claim", smaller), case("other", same))
    want = found.cases["claim"].wanted[0]
    only = {want.key: "No attention."} if want not in found.cases["other"].wanted else {}
    assert only
    found.weigh(only, {})
    assert (found.cases["claim"].lacking, found.cases["claim"].broken) == ("No attention.", True)
    again = court(tmp_path, case("claim", smaller), case("other", same))
    again.weigh({}, only)
    assert again.cases["claim"].lacking == f"needs what {want.run.arm.name} lacks: No attention."
    assert not again.cases["claim"].broken
    assert again.cases["other"].verdict is Verdict.INCONCLUSIVE


def test_quantity_needs_no_torch() -> None:
    """Quantities are declared without torch, so that a session with nothing to do starts at once."""
    assert isinstance(error, Quantity)


def test_a_record_is_read_once_per_weighing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hypotheses rest on a record, the store is asked for it once, and again at the next weighing."""
    found = court(tmp_path, case("one", both), case("two", smaller), case("three", larger))
    asked: list[str] = []
    read = found.store.read

    def noted(key: str) -> dict[str, Any] | None:
        asked.append(key)
        return read(key)

    monkeypatch.setattr(found.store, "read", noted)
    found.weigh({}, {})
    assert sorted(asked) == sorted(found.plan.wanted)
    found.weigh({}, {})
    assert len(asked) == 2 * len(found.plan.wanted)
