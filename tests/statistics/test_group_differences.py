"""Networks trained apart: called different at the promised rate, whatever their distribution, and seen when they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitwork.statistics.group_differences import MOST, GroupDifference, GroupedNetworks, group_differences, predicted

KINDS = {
    "normal": lambda dice, shape: dice.standard_normal(shape),
    "skewed": lambda dice, shape: np.exp(dice.standard_normal(shape)),
    "heavy": lambda dice, shape: dice.standard_t(3, shape),
}


def networks(dice, published, audited, *, values=15, kind="normal", shift=0.0):
    """Return correlated values of an arm's networks; the published ones are shifted by so many of their own deviations."""
    count = published + audited
    common, own = (KINDS[kind](dice, (count, size)) for size in (1, values))
    rows = math.sqrt(0.3) * common + math.sqrt(0.7) * own
    rows[:published] += shift * rows[:published].std(axis=0, ddof=1) * dice.choice([-1.0, 1.0], values)
    return GroupedNetworks(rows, np.repeat([0, 1], [published, audited]))


def rejected(trials: int, kind: str, arms: list[tuple[int, int]], shift: float, values: int = 15) -> float:
    """Return how often any arm is called different, of which the first one's published values are shifted."""
    dice = np.random.default_rng(5)
    count = 0
    for _ in range(trials):
        found = group_differences(
            {
                str(place): networks(dice, *sizes, values=values, kind=kind, shift=shift if place == 0 else 0.0)
                for place, sizes in enumerate(arms)
            }
        )
        count += any(one.adjusted_p <= 0.05 for one in found.values())
    return count / trials


@pytest.mark.parametrize("kind", KINDS)
def test_honest_reports_pass_at_the_declared_rate(kind: str) -> None:
    """At most 5 % of honest reports are called not credible (and a margin for 100 simulations), under any distribution."""
    assert rejected(100, kind, [(9, 2)] * 6, 0.0) <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 100)


@pytest.mark.parametrize(("published", "audited"), [(9, 3), (5, 5)])
def test_three_networks_of_each_arm_show_a_shift_of_two_deviations(published: int, audited: int) -> None:
    """An arm with shifted values is found in at least nine of ten audits, by three networks of each of six arms at nine seeds,
    and by five at five."""
    assert rejected(40, "normal", [(published, audited)] * 6, 2.0) >= 0.9


def test_one_network_of_an_arm_can_show_nothing() -> None:
    """With one network against nine, p is at least a fifth, which `least` says."""
    found = group_differences({"vit": networks(np.random.default_rng(0), 9, 1, shift=50.0)})["vit"]
    assert found.least == pytest.approx(0.2)
    assert found.p == pytest.approx(found.least)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arms", [[(9, 2)] * 6, [(9, 1)] * 3, [(9, 3)] * 6, [(5, 5)] * 6, [(9, 9), (9, 2)]])
def test_rates_of_more_designs(kind: str, arms: list[tuple[int, int]]) -> None:
    """The same in 1000 simulations of other numbers of arms and networks."""
    assert rejected(1000, kind, arms, 0.0) <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "values"), [("normal", 5), ("normal", 15), ("normal", 40), ("skewed", 15)])
def test_power_of_more_designs(kind: str, values: int) -> None:
    """Nine of ten shifted reports are found by four networks of an arm with few values, or skewed ones."""
    assert rejected(400, kind, [(9, 4)] * 6, 2.0, values) >= 0.9


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 3))
def test_the_order_of_networks_and_the_units_do_not_matter(seed: int, published: int, audited: int) -> None:
    """Networks in another order, and values in other units, have the same p."""
    dice = np.random.default_rng(seed)
    first = networks(dice, published, audited, values=3)
    order = dice.permutation(len(first.values))
    other = GroupedNetworks((first.values * [2.0, -3.0, 1.0] + 7.0)[order], first.groups[order])
    a, b = (group_differences({"arm": found})["arm"] for found in (first, other))
    assert a.p == pytest.approx(b.p)
    assert a.networks == b.networks


def test_what_no_network_varies_in_or_lacks_is_left_out() -> None:
    """Values without spread or not known for all networks are not compared, and networks without any value not counted."""
    rows = np.array([[1.0, 2.0, 0.1], [1.0, np.nan, 0.2], [np.nan] * 3, [1.0, 3.0, 0.5]])
    found = group_differences({"arm": GroupedNetworks(rows, np.array([0, 0, 0, 1]))})["arm"]
    assert found == GroupDifference((3, 1), 1, pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3), 2)
    nothing = group_differences({"arm": GroupedNetworks(np.full((4, 1), 2.0), np.array([0, 0, 1, 1]))})["arm"]
    assert (nothing.p, nothing.adjusted_p, nothing.farthest) == (1.0, 1.0, None)


def test_many_ways_are_drawn() -> None:
    """Of more ways than are looked at, so many are drawn, and three sources are compared as well as two."""
    dice = np.random.default_rng(3)
    rows = dice.standard_normal((30, 4))
    rows[20:] += 4.0
    found = group_differences({"arm": GroupedNetworks(rows, np.repeat([0, 1, 2], 10))})["arm"]
    assert found.p == pytest.approx(2 / MOST)


def test_a_prediction_interval_covers_its_share() -> None:
    """A further value lies in the interval of nine in 95 % of cases; of logarithms where values are compared by ratio."""
    dice = np.random.default_rng(1)
    rows = np.exp(dice.standard_normal((4000, 10)))
    inside = [low <= row[9] <= high for row in rows for low, high in [predicted(row[:9].tolist(), "log-ratio")]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)
    assert predicted([1.0, 1.0, 1.0]) is None
    assert predicted([1.0, math.nan]) is None
