"""The audit of skewness, and measurement error beside the spread over seeds."""

import math

import numpy as np
import pytest
from scipy import stats

from vitwork.statistics import audit_skewness, measured_noise, plainly_together
from vitwork.statistics.audit import CRITICAL, TOGETHER, pooled_skewness


def test_skewness_is_scipys_mean_over_arms():
    """The estimate is the mean of scipy's sample skewness, whatever the arms' means and spreads."""
    arms = np.random.default_rng(0).standard_exponential((4, 7))
    found = audit_skewness([10.0**place * arm + place for place, arm in enumerate(arms)])
    assert found.estimate == pytest.approx(stats.skew(arms, axis=1).mean())
    assert found.residuals == 28


def test_error_of_the_audit_is_known():
    """Normal quantities are called skewed in 1 %, exponential ones of eight arms in nearly half with five seeds, and mostly with nine."""
    rng = np.random.default_rng(1)
    for n in (5, 9, 15):
        normal = [audit_skewness(arms).plain for arms in rng.standard_normal((1500, 8, n))]
        skewed = [audit_skewness(-arms).plain for arms in rng.standard_exponential((300, 8, n))]
        assert np.mean(normal) < 0.02
        assert np.mean(skewed) > (0.4 if n == 5 else 0.9)


def test_logarithms_are_audited_on_their_scale_and_orders_are_not():
    """A log-normal quantity is plainly skewed as it is, not on its logarithms, and orders take no harm."""
    arms = np.exp(np.random.default_rng(2).standard_normal((8, 15)))
    assert audit_skewness(arms).plain
    assert not audit_skewness(arms, "log-ratio").plain
    assert not audit_skewness(arms, "probability").plain


def test_a_session_is_judged_by_its_quantities_together():
    """Sessions of 28 normal quantities are called skewed in 2 % at most, exponential ones in most, though two arms show little."""
    rng = np.random.default_rng(3)
    for n, least in ((5, 0.7), (9, 0.95)):
        normal, skewed = rng.standard_normal((2, 400, 28, n)), rng.standard_exponential((2, 400, 28, n))
        assert plainly_together(pooled_skewness(list(normal))[1]).mean() <= 0.03
        z = pooled_skewness(list(skewed))[1]
        alone = np.abs(z) > CRITICAL
        assert alone.mean() < 0.6
        assert (alone | plainly_together(z)[:, None]).mean() > least


def test_the_test_of_a_session_is_chi_squared():
    """z² is summed over what is not skewed by itself and has a number, against scipy's quantile."""
    edge = math.sqrt(stats.chi2.isf(TOGETHER, 5) / 5)
    for factor, found in ((0.999, False), (1.001, True)):
        z = [factor * edge] * 3 + [-factor * edge] * 2
        assert plainly_together(z) == found
        assert plainly_together([*z, math.nan, 9.0, -CRITICAL - 0.001]) == found
    for too_few in ([], [math.nan, 9.0], [CRITICAL]):
        assert not plainly_together(too_few)
    assert plainly_together([CRITICAL, CRITICAL])


def test_what_shows_no_skewness():
    """Arms without spread, without three values or without any leave the audit without a number."""
    for arms in ([], [[1.0, 2.0]], [[3.0] * 5], [[None, math.nan, 1.0]]):
        found = audit_skewness(arms)
        assert (math.isnan(found.z), found.residuals, found.plain) == (True, 0, False)


def test_noise_is_compared_with_the_spread_over_seeds():
    """Standard errors above half of the spread pooled within arms make a quantity untestable."""
    arms = [[1.0, 2.0, 3.0], [11.0, 13.0, 15.0]]
    spread = math.sqrt((2.0 + 8.0) / 4.0)
    for share, testable in ((0.49, True), (0.51, False)):
        found = measured_noise(arms, [[share * spread] * 3, [share * spread] * 3])
        assert (found.spread, found.error) == pytest.approx((spread, share * spread))
        assert found.testable is testable


def test_noise_of_logarithms_is_relative():
    """On the log scale an error counts in units of its value."""
    found = measured_noise([[1.0, math.e]], [[0.1, 0.1 * math.e]], "log-ratio")
    assert found.error == pytest.approx(0.1)
    assert found.spread == pytest.approx(math.sqrt(0.5))


def test_unknown_errors_do_not_forbid_a_test_and_noise_alone_does():
    """Without a standard error a quantity is tested; without spread any error is more than half of it."""
    assert measured_noise([[1.0, 2.0, 3.0]], [[None, None, None]]).testable
    assert not measured_noise([[1.0, 1.0, 1.0]], [[0.1, 0.1, 0.1]]).testable
    assert measured_noise([[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]).testable
