"""What a published network will take: as one of its family took, by how much is asked for and by its operations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.session.small import case
from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT, DataSpec
from vitwork.design.published import LOADED, Network
from vitwork.design.recipes import DEIT_300
from vitwork.facts.forecast import Basis
from vitwork.language.measure import Measure
from vitwork.measurements import accuracy, robustness
from vitwork.measurements.accuracy import Evaluation
from vitwork.measurements.hessian import PRODUCTS, Spectrum
from vitwork.measurements.landscape import Surface
from vitwork.measurements.lesion import Lesion
from vitwork.measurements.robustness import Corruptions, NoiseBands
from vitwork.networks import costs as network_costs
from vitwork.networks.costs import amount, seconds
from vitwork.networks.selection import as_if_here
from vitwork.profiles import PROFILES, PUBLISHED, SMOKE
from vitwork.profiles.network_times import NetworkTimes, Timed, Work, network_times
from vitwork.session import costs
from vitwork.session.forecast import plan_lines
from vitwork.session.plan import Plan
from vitwork.store.store import Store

ARM = Arm("vit", "", recipe=LOADED, data=DataSpec(HELD_OUT, test=100), networks=(Network("v1.a", "timm:v1"),))
TIMES = NetworkTimes(
    "on a clock that is known",
    0.5,
    {"v1.a": (Timed("evaluation", {}, 10.0, 2.0), Timed("noise_bands", {"power": "fixed"}, 4.0, 1.0),
              Timed("noise_bands", {"power": "equal"}, 4.0, 3.0))},
    {"v1.a": Work("v1.a", 1.0), "v2.a": Work("v1.a", 4.0)},
)  # fmt: skip


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_costs, "network_times", lambda: TIMES)


@pytest.mark.parametrize(
    ("measurement", "found"),
    [
        (Evaluation(), 100),
        (Lesion(images=500), 100),
        (Lesion(images=30), 30),
        (Lesion(images=None), 100),
        (Surface(images=40, points=7), 40 * 49),
        (Corruptions(images=20, severities=(1, 3)), 40),
        (Spectrum(batches=2, batch_size=16), 32 * PRODUCTS),
        (Spectrum(batches=1, batch_size=2, max_products=5), 10),
        (Spectrum(batches=8, batch_size=16), 100 * PRODUCTS),
    ],
)
def test_how_much_is_measured(measurement, found):
    """Images count, as many as there are at most, and what each of them is passed for."""
    assert amount(measurement, ARM) == found


@pytest.mark.parametrize(
    ("measurement", "found"),
    [
        (Spectrum(batches=2, batch_size=16), 6 * PRODUCTS),
        (Surface(images=40, points=7), 6 * 49),
        (Evaluation(training_images=50), 10 + 6),
        (Lesion(images=500), 10),
    ],
)
def test_images_that_are_trained_on_bound_what_is_measured_on_them(measurement, found):
    """Curvature and surfaces take no more images than there are of those, and the others no more than test images."""
    few = replace(ARM, data=DataSpec("cifar100", train=6, test=10), recipe=DEIT_300)
    assert amount(measurement, few) == found


def test_seconds_follow_what_is_asked_for_and_the_operations(known):
    """Ten times the images take ten times as long, a network of four times the operations four times; the nearest variant counts."""
    first, second = Network("v1.a", "timm:v1"), Network("v2.a", "timm:v2")
    assert seconds(first, ARM, Evaluation()) == pytest.approx(20.0)
    assert seconds(second, ARM, Evaluation()) == pytest.approx(80.0)
    assert seconds(replace(second, name="v2.of-a-user"), ARM, Evaluation()) == pytest.approx(80.0)
    assert seconds(first, ARM, NoiseBands(power="equal", images=8)) == pytest.approx(6.0)
    assert seconds(first, ARM, Lesion()) is None
    assert seconds(Network("unheard-of", "timm:unheard-of"), ARM, Evaluation()) is None


def error(measure: Measure) -> None:
    assert measure(accuracy.error)("vit") < 50


def robust(measure: Measure) -> None:
    assert measure(robustness.change, between=(0.7, 0.9))("vit") < 0


def unknown(measure: Measure) -> None:
    assert measure(robustness.corrupted_accuracy)("vit") < 50


def test_a_plan_tells_hours_by_arm_and_claim_before_anything_is_measured(known, tmp_path, monkeypatch):
    """Each arm's mean with the preparation of images, the total, and each claim's minutes; what was never timed is unknown."""
    monkeypatch.setattr("vitwork.session.forecast.network_times", lambda: TIMES)
    networks = (Network("v1.a", "timm:v1"), Network("v2.a", "timm:v2"))
    plan = Plan(replace(SMOKE, effort=(), arms={"vit": replace(ARM, networks=networks)}), fingerprints={ARM.data: ""})
    plan.add(case("one", error), 20)
    plan.add(case("two", robust), 20)
    found = costs.durations(plan, Store(tmp_path), "cpu")["vit"]
    each = 50 + 20 + 25  # images, accuracy, noise of which 100 images are measured
    assert found == costs.Duration(pytest.approx((each + 50 + 80 + 100) / 2), Basis.FAMILY)
    text = plan_lines(plan, Store(tmp_path), workers=2)
    assert any("2 runs to do: about 2.7 min with 2 at a time." in line for line in text)
    assert any("random weights, on a clock that is known" in line for line in text)
    assert any(line.startswith("one ") and line.endswith(f"{50 / 60:.2f}") for line in text)
    plan.add(case("three", unknown), 20)
    text = plan_lines(plan, Store(tmp_path))
    assert any("of unknown length" in line for line in text)
    assert any(line.startswith("three ") and line.endswith("unknown") for line in text)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.loaded])
def test_every_network_and_measurement_of_the_profiles_was_timed(name):
    """The file that plans read knows each network and all that claims measure on it; `python benchmarks/published.py --write` renews it."""
    from pathlib import Path

    from vitwork.session.collecting import collect, read_claims

    whole = as_if_here(PROFILES[name])
    plan = Plan(whole, fingerprints={arm.data: "" for arm in whole.arms.values()})
    plan.read(read_claims(collect([Path(__file__).parents[2] / "claims"]), whole))
    lacking = {
        (run.network.name, want.measurement.name)
        for run in plan.runs.values()
        for want in plan.measurements(run)
        if not seconds(run.network, run.arm, want.measurement)
    }
    assert not lacking


def test_the_file_says_where_it_was_measured():
    """Seconds and amounts are above zero, and each network is like one that was timed."""
    times = network_times()
    assert bool(times.machine) == bool(times.timed)
    assert all(one.seconds > 0 and one.amount > 0 for made in times.timed.values() for one in made)
    assert {work.like for work in times.networks.values()} <= times.timed.keys()
    assert PUBLISHED.seeds >= 16
