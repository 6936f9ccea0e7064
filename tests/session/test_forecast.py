from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.session.small import PROFILE, both, case, error, planned, smaller
from vitwork import profiles
from vitwork.data.sources.download import PUBLISHED
from vitwork.design.dataset import DataSpec
from vitwork.device import place
from vitwork.facts.forecast import Basis
from vitwork.language.measure import Measure
from vitwork.language.sentence import Sentence, control
from vitwork.session import options
from vitwork.session.costs import durations, fingerprints
from vitwork.session.forecast import plan_lines
from vitwork.session.plan import Plan
from vitwork.statistics import detectable
from vitwork.store.store import Store


def exotic(measure: Measure) -> None:
    assert measure(error)("swin") < 1.0


def test_plan_tells_the_smallest_effect_of_each_claim(tmp_path: Path) -> None:
    """Before anything is trained, `--plan` says per claim what it could see; more seeds see less."""

    def smallest(seeds: int) -> dict[str, float]:
        plan = planned(case("one", smaller), case("two", both))
        plan.profile = replace(plan.profile, seeds=seeds)
        lines = plan_lines(plan, Store(tmp_path))
        return {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("  ")}

    five, ten = smallest(5), smallest(10)
    assert set(five) == {"one", "two"}
    assert all(ten[claim] < five[claim] for claim in five)


def test_plan_tells_what_decides_with_the_networks_there_are(tmp_path: Path) -> None:
    """A claim sees what its primary sentences see, however few networks a control has; the first decision is the easiest claim's."""

    def qualified(measure: Measure) -> None:
        assert measure(error)("vit") < measure(error)("resnet")
        assert control(measure(error)("vit") < 1.0, "against a number")

    def hard(measure: Measure) -> None:
        assert control(measure(error)("vit") < measure(error)("resnet"), "between arms")
        assert measure(error)("vit") < 1.0

    class Uneven(Plan):
        def fewest(self, sentence: Sentence) -> int:
            return 4 if sentence.control else 8

    plan = Uneven(PROFILE)
    for one in (case("qualified", qualified), case("hard", hard)):
        plan.add(one, 5)
    lines = plan_lines(plan, Store(tmp_path))
    level = PROFILE.alpha / plan.family
    wanted = {name: detectable(8, level, arms=arms) for name, arms in (("qualified", 2), ("hard", 1))}
    found = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("  ")}
    assert found == {name: round(least, 1) for name, least in wanted.items()}
    assert f"standard deviations over seeds: {wanted['qualified']:.1f} between two arms" in "\n".join(lines)


def test_plan_says_in_a_sentence_that_there_is_nothing(tmp_path: Path) -> None:
    """Where nothing trains, where nothing is decided, and where single seeds decide nothing, no table stands empty."""
    nothing = plan_lines(planned(), Store(tmp_path))
    assert nothing[-3:] == ["There is nothing to train or to measure.", "", "There is no hypothesis to decide."]
    single = Plan(replace(PROFILE, seeds=1))
    single.read([case("one", smaller)], {})
    assert plan_lines(single, Store(tmp_path))[-1] == (
        "1 seed per arm: nothing can be decided, since a test needs at least 3 of each."
    )


def test_plan_tells_runs_minutes_and_what_is_lacking(tmp_path: Path) -> None:
    """Runs that were timed in this store give the expected minutes; claims that cannot be measured say why."""
    plan, store = planned(case("one", smaller), case("elsewhere", exotic)), Store(tmp_path)
    for want in plan.wanted.values():
        if want.run.seed == 0:
            store.write(want.run.key, {"seconds": 100.0})
            store.write(want.key, {"seconds": 20.0})
    text = "\n".join(plan_lines(plan, store, workers=2))
    assert "8 runs to do: about 9.3 min with 2 at a time." in text
    assert "Arms with runs in this store: as long as those took" in text
    assert "elsewhere: not measured, needs the arm swin" in text


def test_plan_names_what_is_lacking_once(tmp_path: Path) -> None:
    """Of a claim with several tests one line; many claims are counted by what they lack, and named where all is asked for."""
    first = case("elsewhere", exotic)
    plan = planned(first, replace(first, name="its second test"), *(case(f"more {at}", exotic) for at in range(4)))
    reason = "not measured, needs the arm swin, which the profile does not have"
    whole = plan_lines(plan, Store(tmp_path), every=True)
    assert [line for line in whole if "not measured" in line] == [
        f"  {name}: {reason}" for name in ("elsewhere", *(f"more {at}" for at in range(4)))
    ]
    counted = plan_lines(plan, Store(tmp_path))
    assert "Not measured: 5 claims, of which 5 need an arm that the profile does not have." in counted
    assert not any(reason in line for line in counted)


def test_what_was_never_trained_here_takes_as_long_as_in_the_published_report(tmp_path: Path) -> None:
    """The machine of that report is named."""
    reference = profiles.timings("smoke")
    assert reference is not None
    plan = planned(case("one", smaller))
    assert all(found.basis is Basis.REPORT for found in durations(plan, Store(tmp_path)).values())
    assert f"as long as on {reference.machine}" in "\n".join(plan_lines(plan, Store(tmp_path)))


def test_what_was_never_timed_anywhere_is_told_by_a_step_on_this_machine(tmp_path: Path) -> None:
    """Twice the epochs take twice as long, and a profile needs no data to say so; of other machines a step here says nothing."""
    arm = profiles.SMOKE.arms["vit"]
    arms = {
        name: replace(
            arm, name=name, data=DataSpec("cifar10", size=16), recipe=replace(arm.recipe, epochs=epochs, snapshots=())
        )
        for name, epochs in (("vit", 9), ("longer", 19))
    }
    profile = replace(profiles.SMOKE, name="of-ones-own", arms=arms)
    plan = Plan(profile, fingerprints=fingerprints([DataSpec("cifar10", size=16), DataSpec("folder")], None))
    assert sorted(plan.fingerprints.values()) == ["", PUBLISHED["cifar10"]]
    for arm in arms.values():
        plan.run(arm, 0)
    found = durations(plan, Store(tmp_path), "cpu")
    assert found["longer"].seconds == pytest.approx(2 * found["vit"].seconds)
    assert found["vit"].seconds > 0
    text = "\n".join(plan_lines(plan, Store(tmp_path), device="cpu"))
    assert "2 runs to do: about " in text
    assert "Arms never timed: training alone" in text
    assert not durations(plan, Store(tmp_path), None)
    assert "2 runs of unknown length: " in "\n".join(plan_lines(plan, Store(tmp_path), device=None))


def test_operations_are_counted_once_for_each_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second plan finds the counts of the first; another network, a damaged count and a protected folder are counted anew."""
    from vitwork.training import speed

    counted = []
    monkeypatch.setattr(speed, "operations", lambda arm, side: counted.append(arm.options["dim"]) or 10**9)
    monkeypatch.setattr(speed, "seconds_per_image", lambda *_: 1.0)
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))

    def plan(dim: int) -> None:
        arm = profiles.SMOKE.arms["vit"]
        arm = replace(arm, options={**arm.options, "dim": dim}, data=DataSpec("cifar10", size=16))
        made = Plan(replace(profiles.SMOKE, name="of-ones-own", arms={"vit": arm}), fingerprints={arm.data: ""})
        made.run(arm, 0)
        assert durations(made, Store(tmp_path / "store"), "cpu")["vit"].basis is Basis.STEP

    for dim in (16, 16, 32, 16):
        plan(dim)
    assert counted == [16, 32]
    for path in (tmp_path / "cache" / "operations").iterdir():
        path.write_bytes(b"?")
    plan(16)
    (tmp_path / "file").touch()
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "file" / "cache"))
    plan(16)
    assert counted == [16, 32, 16, 16]


@pytest.mark.parametrize(("workers", "expected"), [(None, 1), (0, 1), (1, 1), (64, place.cores())])
def test_a_plan_counts_as_many_runs_at_a_time_as_its_command(workers, expected):
    """Without workers runs go one after another, and more workers than cores gain nothing."""
    assert options.at_once(SimpleNamespace(option=SimpleNamespace(numprocesses=workers))) == expected
