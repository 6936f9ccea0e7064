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
    assert compare([0.0] * 7, [0.0] * 6 + [1.0], "less", margin=5.0, rate=PERCENT).test is Test.WELCH


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
