from __future__ import annotations

import math
from dataclasses import replace

from tests.session.small import PROFILE, Reading, absent, both, case, error, planned, smaller
from vitwork.design.deviation import Lack, Missing
from vitwork.design.overrides import override
from vitwork.design.profile import LeftOut
from vitwork.language.measure import Measure
from vitwork.language.structured import rising
from vitwork.profiles import registered
from vitwork.session.plan import Plan


def test_plan_is_the_union_of_what_the_claims_need() -> None:
    """Claims that share runs and measurements plan them once, with the profile's effort in the parameters."""
    plan = planned(case("one", smaller), case("two", both))
    assert {(run.arm.name, run.seed) for run in plan.runs.values()} == {
        (arm, seed) for arm in ("vit", "resnet", "alternet") for seed in range(5)
    }
    readings = [want.measurement for want in plan.wanted.values() if isinstance(want.measurement, Reading)]
    assert [measurement.effort for measurement in readings] == [2] * 15
    assert len(plan.wanted) == 30  # and an evaluation of each network, to know whether it has learned
    assert len(plan.tests["one"].wanted) == 10
    assert set(plan.tests["one"].evaluations) == {"vit", "resnet"}


def test_more_seeds_add_to_what_is_planned() -> None:
    """Seeds are taken in order, so that a test with more of them keeps those it has."""
    plan = planned(case("one", smaller))
    before = dict(plan.wanted)
    plan.add(plan.tests["one"].case, 6)
    assert plan.wanted.items() > before.items()
    assert len(plan.tests["one"].wanted) == 12


def test_claims_about_any_network_ask_for_no_accuracy() -> None:
    """A theorem about any network needs no network that has learned."""
    one = case("one", smaller)
    plan = planned(replace(one, claim=replace(one.claim, any_network=True)))
    assert len(plan.wanted) == 10


def test_the_family_is_what_the_profile_can_measure() -> None:
    """Chosen tests do not shrink the family of the profile's own claims; a project's own claims are a family."""
    first, second, *_ = registered("smoke")
    assert planned(case("mine", smaller), case("yours", both)).family == 2
    chosen = planned(case("mine", smaller))
    chosen.declared.update({"mine", "yours", "left out"})
    assert chosen.family == 3
    assert planned(case(first, smaller)).family == planned(case(first, smaller), case(second, both)).family
    assert planned(case(first, smaller)).family == len(registered("smoke"))
    unmeasurable = planned()
    unmeasurable.declared.update({first, "checked on examples"})
    assert unmeasurable.family == len(registered("smoke"))


def test_what_is_lacking_is_not_planned() -> None:
    """A claim that needs an arm or a snapshot which the profile lacks says so, and plans nothing."""

    def exotic(measure: Measure) -> None:
        assert measure(error)("mixer") < 1.0

    def early(measure: Measure) -> None:
        assert measure(error, when=100)("vit") < 1.0

    def half(measure: Measure) -> None:
        assert measure(error)("vit") < 90.0
        assert measure(error)("mixer") < 1.0

    def faulty(measure: Measure) -> None:
        raise KeyError("oops")

    def empty(measure: Measure) -> None:
        measure(absent)

    def either(measure: Measure) -> None:
        assert measure(error)("vit") < 1.0 or measure(error)("vit") > 2.0

    def depends(measure: Measure) -> None:
        if measure(error)("vit") < 1.0:
            assert measure(error)("vit") < 2.0

    plan = planned(*(case(body.__name__, body) for body in (exotic, early, half, faulty, empty, either, depends)))
    assert {name: test.lack for name, test in plan.tests.items()} == {
        "exotic": Lack(Missing.ARM, "mixer"),
        "early": Lack(Missing.SNAPSHOT, "vit", "100"),
        "half": Lack(Missing.ARM, "mixer"),
        "faulty": Lack(Missing.FAULT, what="KeyError in the test: 'oops'"),
        "empty": Lack(Missing.FAULT, what="the test asserts nothing"),
        "either": Lack(
            Missing.FAULT, what="the test asserts one sentence `or` another: state each that has to hold by itself"
        ),
        "depends": Lack(
            Missing.FAULT, what="the test branches on a comparison, which has no answer yet: state it with assert"
        ),
    }
    assert not plan.runs  # not even for the comparison that could be measured


def test_a_profile_leaves_quantities_out_with_parameters_or_altogether() -> None:
    """A test that needs one is not planned; the same quantity with other parameters is."""

    def late(measure: Measure) -> None:
        assert measure(error)("vit") < 1.0

    def early(measure: Measure) -> None:
        assert measure(error, when="warmup")("vit") < 1.0

    cases = [case("late", late), case("early", early)]
    for parameters, without in (({"when": "warmup"}, {"early"}), ({"when": "init"}, set()), ({}, {"late", "early"})):
        plan = Plan(replace(PROFILE, left_out=(LeftOut(error.name, parameters=parameters),))).read(cases)
        assert {
            name for name, test in plan.tests.items() if test.lack == Lack(Missing.LEFT_OUT, what=error.name)
        } == without
        assert {test.case.name for test in plan.tests.values() if test.wanted} == {"late", "early"} - without


def test_seeds_are_numbered_from_the_profiles_first() -> None:
    """A plan trains as many as the profile says, from that number on."""

    def sentence(measure: Measure) -> None:
        assert measure(error)("vit") < 1.0

    plan = Plan(replace(PROFILE, seeds=3, first_seed=7)).read([case("sentence", sentence)])
    assert [run.seed for run in plan.runs.values()] == [7, 8, 9]


def test_arms_that_are_made_one_are_not_compared() -> None:
    """Settings that leave two arms one network make every sentence between them say nothing; one arm beside itself says something."""
    local = ("attention=conv", "border=mask", "kernel_size=3")
    for last, same in (("kernel_size=5", False), ("kernel_size=3", True)):
        window = replace(PROFILE.arms["vit"], name="vit-local-3")
        profile = replace(PROFILE, arms={**PROFILE.arms, window.name: window})
        profile = override(profile, [f"{arm}.options.{field}" for arm in ("vit", window.name) for field in local])
        profile = override(profile, [f"vit-local-3.options.{last}"])

        def between(measure: Measure) -> None:
            assert rising(*(measure(error)(arm) for arm in ("resnet", "vit", "vit-local-3")), levels=(1, 2, 3))

        def itself(measure: Measure) -> None:
            assert measure(error, when="warmup")("vit") < measure(error)("vit")

        plan = Plan(profile).read([case("between", between), case("itself", itself)])
        lacks = {name: test.lack for name, test in plan.tests.items()}
        assert lacks == {"between": Lack(Missing.SAME, "vit", "vit-local-3") if same else None, "itself": None}


def test_what_states_nothing_is_a_fault_of_its_test() -> None:
    """A comparison that no assert asks for does not vanish, and numbers that are none are named."""

    def forgotten(measure: Measure) -> None:
        _ = measure(error)("vit") > measure(error)("resnet")
        assert measure(error)("vit") < 1.0

    def aside(measure: Measure) -> None:
        asserted = (measure(error)("vit") < 1.0, "a message")  # what `assert (…, "a message")` asserts
        assert asserted

    def quoted(measure: Measure) -> None:
        assert measure(error)("vit") < "1"  # type: ignore[operator]

    def nowhere(measure: Measure) -> None:
        assert rising(measure(error)("vit"), measure(error)("resnet"), levels=(1, math.nan))

    plan = planned(*(case(body.__name__, body) for body in (forgotten, aside, quoted, nowhere)))
    assert {name: test.lack for name, test in plan.tests.items()} == {
        "forgotten": Lack(
            Missing.FAULT, what="the test states error(vit) > error(resnet) without an assert of its own"
        ),
        "aside": Lack(Missing.FAULT, what="the test states error(vit) < 1 without an assert of its own"),
        "quoted": Lack(
            Missing.FAULT,
            what="TypeError in the test: what error(vit) is compared with is a finite number, not '1'",
        ),
        "nowhere": Lack(Missing.FAULT, what="a level of a trend is not a number"),
    }


def test_what_compares_unseen_is_refused() -> None:
    """`any` stops at the first comparison, and `max` and `sorted` make some: neither is what the test says."""

    def some(measure: Measure) -> None:
        assert any([measure(error)("vit") < 1.0, measure(error)("vit") > 2.0])

    def largest(measure: Measure) -> None:
        assert max(measure(error)("vit"), measure(error)("resnet")) > 20.0

    def each(measure: Measure) -> None:
        assert all(measure(error)(arm) < max(90.0, 95.0) for arm in ("vit", "resnet"))

    for body, name in ((some, "any"), (largest, "max")):
        fault = f"the test calls {name}(), which compares by itself: state each comparison with assert"
        assert case(body.__name__, body).fault == fault
    assert len(case("each", each).sentences) == 2


def test_a_test_may_choose_by_its_own_parameters() -> None:
    """A parameter is no measurement, so that what depends on it is known when the test is read."""

    def chosen(measure: Measure, where: str) -> None:
        found = measure(error)("vit") if where == "vit" else measure(error)("resnet")
        assert found < 1.0

    made = case("chosen", chosen, where="resnet")
    assert made.fault == ""
    assert [side.arm for side in made.sentences[0].references] == ["resnet"]


def test_parameters_are_shown_as_reports_can_hold_them() -> None:
    """JSON has no NaN, no infinity and no whole number of more than 64 bits, and texts are Unicode outside of Python."""
    odd = {"nan": math.nan, "big": 1 << 64, "level": 1.5, "flag": True, "word": "a", "quantity": error}
    assert case("one", lambda measure, **_: smaller(measure), **odd).shown == {
        "nan": "nan", "big": str(1 << 64), "level": 1.5, "flag": True, "word": "a", "quantity": "error",
    }  # fmt: skip

    def surrogate(measure: Measure) -> None:
        raise ValueError("\ud800")

    assert case("surrogate", surrogate).fault == "ValueError in the test: \ufffd"
