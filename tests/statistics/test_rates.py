"""Rates that are zero in every network."""

import numpy as np
import pytest
from scipy import stats

from vitwork.errors import VitworkError
from vitwork.statistics import Rate, compare
from vitwork.statistics.effect import Test, Verdict

PERCENT = Rate(trials=200, whole=100.0)


def test_zero_in_every_network_decides_a_small_rate():
    """Seven networks without a success show a rate below one percent, and five do not; without counts nothing does."""
    found = compare([0.0] * 7, 1.0, "less", rate=PERCENT)
    assert (found.verdict, found.test, found.low) == (Verdict.REPRODUCED, Test.COUNTS, -1.0)  # less the constant
    assert -1.0 < found.high < 0.0
    assert compare([0.0] * 7, 1.0, "greater", rate=PERCENT).verdict is Verdict.CONTRADICTED
    assert compare([0.0] * 5, 1.0, "less", rate=PERCENT).verdict is Verdict.INCONCLUSIVE
    assert compare([0.0] * 100, 1.0, "less").verdict is Verdict.INCONCLUSIVE
    assert compare([100.0] * 7, 99.0, "greater", rate=PERCENT).verdict is Verdict.REPRODUCED
    assert compare([0.0] * 9, 1.0, "less", rate=PERCENT, anytime=True).verdict is Verdict.REPRODUCED


def test_two_arms_at_zero_differ_by_less_than_either_bound():
    """What seven networks without a success bound bounds their difference from others, too, and in both directions."""
    found = compare([0.0] * 7, [0.0] * 9, "less", margin=5.0, rate=PERCENT)
    alone = compare([0.0] * 7, 5.0, "less", rate=PERCENT)
    assert (found.verdict, found.test, found.estimate) == (Verdict.REPRODUCED, Test.COUNTS, 0.0)
    assert (found.p_for, found.p_against) == (alone.p_for, alone.p_against)
    assert found.high == pytest.approx(alone.high + 5.0)
    assert found.low == pytest.approx(-compare([0.0] * 9, 5.0, "less", rate=PERCENT).high - 5.0)
    full = compare([100.0] * 9, [100.0] * 7, "less", margin=5.0, rate=PERCENT)
    assert (full.p_for, full.low, full.high) == pytest.approx((found.p_for, found.low, found.high))
    for margin in (0.0, 100.0):
        assert compare([0.0] * 7, [0.0] * 7, "less", margin=margin, rate=PERCENT).p_against == 1.0
    assert compare([0.0] * 7, [0.0] * 7, "less", rate=PERCENT).verdict is Verdict.INCONCLUSIVE
    for n in (3, 5):  # six alone are enough
        for other in ([0.0] * n, 0.0):
            short = compare([0.0] * n, other, "less", margin=5.0, rate=PERCENT)
            assert (short.verdict, short.seeds_needed) == (Verdict.INCONCLUSIVE, 6)


def test_an_arm_at_zero_is_bounded_by_counts_beside_one_that_varies():
    """What its networks did not show may move its mean away from zero, and only that: the other side is the varying arm's own."""
    varying = [31.0, 24.0, 36.0, 28.0, 33.0, 39.0, 23.0, 30.0, 27.0]
    found = compare(varying, [0.0] * 9, "greater", rate=PERCENT)
    alone = compare(varying, 0.0, "greater")
    assert (found.verdict, found.test, found.estimate) == (Verdict.REPRODUCED, Test.COUNTS, alone.estimate)
    assert alone.p_for < found.p_for <= 2.0 * 2.0**-9 + alone.p_for
    assert found.high == pytest.approx(alone.high)
    assert found.low < alone.low
    mirrored = compare([100.0] * 9, [100.0 - value for value in varying], "greater", rate=PERCENT)
    swapped = compare([0.0] * 9, varying, "less", rate=PERCENT)
    for other in (mirrored, swapped):
        assert (other.p_for, other.p_against) == pytest.approx((found.p_for, found.p_against))
    assert (mirrored.low, mirrored.high) == pytest.approx((found.low, found.high))
    assert (-swapped.high, -swapped.low) == pytest.approx((found.low, found.high))


def test_the_interval_beside_an_arm_at_zero_is_that_of_its_p():
    """The joint p crosses the interval's level at its edge."""
    edges = compare([3.0, 1.0, 2.0, 5.0, 4.0, 6.0], [0.0] * 8, "greater", rate=PERCENT)
    for edge in (edges.low, edges.high):
        at = [
            compare([3.0, 1.0, 2.0, 5.0, 4.0, 6.0], [0.0] * 8, "greater", edge + off, rate=PERCENT)
            for off in (-1e-6, 1e-6)
        ]
        assert (at[0].p <= 0.05) != (at[1].p <= 0.05)


@pytest.mark.parametrize("mean", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("n", [3, 6, 9])
def test_an_arm_at_zero_is_rarely_told_from_one_of_its_mean(n, mean):
    """A rate of the declared dispersion shows nothing in every network, and is told from its own mean, in at most 5 % of experiments."""
    rng = np.random.default_rng(5)
    rates = np.where(rng.random((400, n)) < 0.5, 0.02 * mean, 0.0)  # zero, or twice the mean
    counts = rng.binomial(100, rates).astype(float)
    zero = counts[(counts == 0.0).all(axis=1)]
    told = sum(
        compare(rng.normal(mean, 0.2, n), one, "two-sided", rate=Rate(100, whole=100.0)).verdict is Verdict.REPRODUCED
        for one in zero
    )
    assert told <= 0.05 * len(counts)
    plainly = sum(compare(rng.normal(mean, 0.2, n), one, "two-sided").verdict is Verdict.REPRODUCED for one in zero)
    assert plainly == 0  # without counts, nothing is known of an arm of which no seed differs


def test_the_bound_of_two_arms_keeps_its_level():
    """Of arms whose rates differ by just the margin, whatever the lower one is, both are at zero in at most 2.5 %."""
    rate, n, rng = Rate(100), 7, np.random.default_rng(3)
    margin = rate.bound(n, 0.025)
    for lower in (0.0, 0.005, 0.05):
        zero = [(rng.binomial(100, mean, size=(20_000, n)) == 0).all(axis=1) for mean in (lower + margin, lower)]
        assert np.logical_and(*zero).mean() <= 0.025 + 0.003


def test_without_dispersion_the_bound_is_clopper_and_pearsons():
    """Networks that are all alike have the pooled counts' exact interval, and anything at all asks for 368 networks."""
    expected = stats.binomtest(0, 5 * 200).proportion_ci(0.95, "exact").high
    assert Rate(200, dispersion=0.0).bound(5, 0.025) == pytest.approx(expected)
    for rate, networks in ((Rate(200, dispersion=np.inf), 368), (PERCENT, 6)):
        assert rate.bound(networks, 0.025) < 0.01 < rate.bound(networks - 1, 0.025)


def test_the_bound_inverts_the_test():
    """The rate at the bound is rejected with exactly the level's probability, whatever the dispersion."""
    for dispersion in (0.0, 0.5, 1.0, 3.0, np.inf):
        rate = Rate(50, dispersion=dispersion)
        assert rate.none_at(rate.bound(9, 0.025)) ** 9 == pytest.approx(0.025)


def test_networks_of_the_declared_dispersion_are_rarely_wronged():
    """Beta and two-point rates with a standard deviation of their mean are called lower in at most 2.5 %."""
    rng = np.random.default_rng(0)
    for n in (7, 9, 15):
        rate = Rate(100)
        margin = rate.bound(n, 0.025)  # the smallest that n networks at zero decide
        draws = {
            "beta": rng.beta(1.0 - 2.0 * margin, (1.0 - 2.0 * margin) * (1.0 / margin - 1.0), (40_000, n)),
            "two points": 2.0 * margin * (rng.random((40_000, n)) < 0.5),
        }
        for name, rates in draws.items():
            assert rates.std() == pytest.approx(rates.mean(), rel=0.1), name
            assert (rng.binomial(100, rates) == 0).all(axis=1).mean() <= 0.025 + 0.003, name


def test_more_trials_do_not_make_networks():
    """However many trials, six networks at least are needed where half of them may have no success at all."""
    many = Rate(10**9, 100.0)
    assert compare([0.0] * 5, 10.0, "less", rate=many).verdict is Verdict.INCONCLUSIVE
    assert compare([0.0] * 6, 10.0, "less", rate=many).p_for == pytest.approx(0.5**6)


def test_a_rate_with_some_spread_is_compared_as_any_other():
    """Counts decide only where no network differs."""
    assert compare([0.0, 0.0, 1.0], 5.0, rate=PERCENT).test is Test.ONE_SAMPLE


@pytest.mark.parametrize("bad", [{"trials": 0}, {"whole": 0.0}, {"dispersion": -1.0}])
def test_senseless_rates_are_refused(bad):
    """No trial, no whole and a negative dispersion raise an error."""
    with pytest.raises(VitworkError):
        Rate(**{"trials": 10, **bad})
