"""E-values against published numbers, and decisions after every seed."""

import math
from functools import partial

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from vitwork.errors import VitworkError
from vitwork.statistics import compare, equivalent
from vitwork.statistics.effect import Obstacle, Test, Verdict
from vitwork.statistics.evalues import log_e_value, log_sided, safe_contrast

sequential = partial(compare, anytime=True)
NAN = float("nan")
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])  # Student's differences, R's `sleep`
SECOND_DRUG = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])  # the second of its two columns


def safe_t(t, n, delta, df=None):
    """Return the e-value of the one-sided safe t-test designed for the standardised effect ``delta``.

    It is the likelihood ratio of the t statistic under ``delta`` and under 0 (Grünwald, de Heide & Koolen, "Safe
    testing", JRSS-B 2024, section 4.3), in closed form through Kummer's function.

    Args:
        t: one-sample, paired or pooled two-sample t statistic; large values favour ``delta > 0``.
        n: effective number of seeds: n for one sample or pairs, ``n_a n_b / (n_a + n_b)`` for two samples.
        delta: the standardised effect that the test is designed for; its negative tests the other side.
        df: degrees of freedom; ``n - 1`` by default.
    """
    t, n = np.asarray(t, dtype=np.float64), np.asarray(n, dtype=np.float64)
    nu = n - 1.0 if df is None else np.asarray(df, dtype=np.float64)
    shift = np.sqrt(n) * delta
    x = shift * t * math.sqrt(2.0) / np.sqrt(nu + t**2)
    even = special.hyp1f1((nu + 1.0) / 2.0, 0.5, x**2 / 4.0)
    odd = (
        x
        * np.exp(special.gammaln(nu / 2.0 + 1.0) - special.gammaln((nu + 1.0) / 2.0))
        * special.hyp1f1(nu / 2.0 + 1.0, 1.5, x**2 / 4.0)
    )
    return np.exp(-(shift**2) / 2.0) * (even + odd)


@pytest.mark.parametrize(("t", "e"), [(0.48905, 0.21959), (4.34239, 635.0411)])
def test_published_safe_paired_t_test(t, e):
    """R's safestats 0.8 prints these e-values for its paired example (n = 63, designed delta 0.29)."""
    assert float(safe_t(t, 63, 0.29)) == pytest.approx(e, rel=2e-5)


def test_published_batch_design_needs_63_pairs():
    """safestats plans 63 pairs for 80 % power at delta 0.42426 and threshold 20, one-sided; so do we."""

    def power(n):
        critical = optimize.brentq(lambda t: float(safe_t(t, n, 0.29)) - 20.0, 0.0, 20.0)
        return stats.nct.sf(critical, n - 1, np.sqrt(n) * 0.4242641)

    assert power(62) < 0.8 < power(63)


PROFILE = {1.0: 15, 0.9: 17, 0.8: 21, 0.7: 27, 0.6: 36, 0.5: 50, 0.4: 76, 0.3: 134}
"""Pairs for 80 % power at one look, one-sided at 5 %, by effect: the table that safestats 0.8 ships with its vignette."""

STOPPING_PROFILE = {1.0: 12, 0.8: 18, 0.6: 28, 0.5: 42}
"""From the same table: pairs within which 80 % of 1000 simulated experiments stop when looked at after every pair."""


@pytest.mark.parametrize(("delta", "n"), PROFILE.items())
def test_published_table_of_batch_sizes(delta, n):
    """The fewest pairs whose e-value at the 20 % quantile of t exceeds 20 are those of the published table."""

    def e_value(pairs):
        return float(safe_t(stats.nct.ppf(0.2, pairs - 1, np.sqrt(pairs) * delta), pairs, delta))

    assert e_value(n - 1) <= 20.0 < e_value(n)


@pytest.mark.parametrize(("delta", "n"), STOPPING_PROFILE.items())
def test_published_table_of_sizes_with_stopping(delta, n):
    """Four experiments of five stop within the published number of pairs, give or take what 1000 simulations leave open."""
    count = np.arange(3, 2 * n + 1)
    data = np.random.default_rng(0).standard_normal((2000, 2 * n)) + delta
    t = np.stack([stats.ttest_1samp(data[:, :k], 0.0, axis=1).statistic for k in count], axis=1)
    evidence = safe_t(t, count, delta) > 20.0
    stops = np.where(evidence.any(axis=1), count[evidence.argmax(axis=1)], 2 * n + 1)
    assert np.quantile(stops, 0.8) == pytest.approx(n, rel=0.1)


@pytest.mark.parametrize(("t", "n", "delta"), [(1.7, 7, 0.8), (-2.0, 5, 1.0), (6.0, 12, 0.5)])
def test_safe_t_is_a_ratio_of_scipys_densities(t, n, delta):
    """The closed form is the ratio of noncentral and central t densities."""
    expected = stats.nct.pdf(t, n - 1, np.sqrt(n) * delta) / stats.t.pdf(t, n - 1)
    assert float(safe_t(t, n, delta)) == pytest.approx(expected, rel=1e-8)


def test_mixture_is_the_integral_of_safe_t_tests():
    """The closed form of the mixture equals the numerical integral over designed effects."""
    expected, _ = integrate.quad(lambda delta: float(safe_t(1.7, 7, delta)) * stats.norm.pdf(delta, 0, 2), -12, 12)
    assert np.exp(log_e_value(1.7, 7, 4.0)) == pytest.approx(expected, rel=1e-8)


def jzs(t, n, r):
    """The JZS Bayes factor of n values by its defining integral (Rouder et al., Psychon. Bull. Rev. 16, 2009, eq. 1)."""

    def integrand(g):
        shrunk = 1 + n * g * r**2
        return shrunk**-0.5 * (1 + t**2 / (shrunk * (n - 1))) ** (-n / 2) * stats.invgamma.pdf(g, 0.5, scale=0.5)

    return integrate.quad(integrand, 0, np.inf, epsabs=0)[0] / (1 + t**2 / (n - 1)) ** (-n / 2)


@pytest.mark.parametrize(("values", "printed"), [(SLEEP, 17.25888), (SECOND_DRUG, 10.71554)])
def test_mixed_further_it_is_the_jzs_bayes_factor(values, printed):
    """Over an inverse gamma of variances it is Rouder's integral, and what R's BayesFactor prints for `sleep`."""
    n, r = values.size, np.sqrt(0.5)
    t = values.mean() / values.std(ddof=1) * np.sqrt(n)

    def integrand(precision):
        return np.exp(log_e_value(t, n, 1 / precision)) * stats.gamma.pdf(precision, 0.5, scale=2 / r**2)

    mixed = integrate.quad(integrand, 0, np.inf)[0]
    assert mixed == pytest.approx(jzs(t, n, r), rel=1e-6)
    assert mixed == pytest.approx(printed, rel=1e-6)


def test_expectation_under_the_null_is_at_most_one():
    """E-values of normal seeds average to one, at a fixed n and at a stopping time that wants them large."""
    data = np.random.default_rng(1).standard_normal((20000, 12))
    n = np.arange(3, 13)
    t = np.stack([data[:, :k].mean(1) / data[:, :k].std(1, ddof=1) * np.sqrt(k) for k in n], axis=1)
    e = np.exp(log_e_value(t, n, 1.0))
    assert e[:, -1].mean() == pytest.approx(1.0, abs=0.2)
    stop = np.where((e > 3).any(1), (e > 3).argmax(1), n.size - 1)
    assert e[np.arange(e.shape[0]), stop].mean() < 1.15


def test_decides_a_clear_difference_early():
    """Six standard deviations are decided within eight seeds, and more seeds keep the verdict."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal(15), rng.standard_normal(15) + 6.0
    verdicts = [sequential(a[:n], b[:n]).verdict for n in range(3, 16)]
    assert verdicts.index(Verdict.REPRODUCED) <= 5
    assert set(verdicts[verdicts.index(Verdict.REPRODUCED) :]) == {Verdict.REPRODUCED}
    assert sequential(b, a).verdict is Verdict.CONTRADICTED


def test_one_side_is_the_integral_over_effects_of_that_side():
    """The one-sided e-value equals the integral of one-sided safe t-tests over a half-normal of designed effects."""
    for t, n in ((1.7, 7), (-2.0, 5)):
        expected, _ = integrate.quad(lambda d, t=t, n=n: 2 * float(safe_t(t, n, d)) * stats.norm.pdf(d, 0, 2), 0, 12)
        assert np.exp(log_sided(t, n)) == pytest.approx(expected, rel=1e-8)


def test_p_is_the_reciprocal_of_the_present_e_value():
    """Where no guard applies, either p is one over the e-value of its side at the last seed, and may rise again."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal(20)
    paths = np.array([[(e := sequential(a[:n] + 1.0, 0.0, "greater")).p_for, e.p_against] for n in range(3, 21)])
    t = stats.ttest_1samp(a + 1.0, 0.0).statistic
    assert paths[-1] == pytest.approx([min(1.0, 2.0 * np.exp(-log_sided(side, 20))) for side in (t, -t)])
    assert (np.diff(paths[:, 0]) > 0.0).any()


def test_costs_more_than_the_fixed_design_at_the_same_seeds():
    """At the last look the anytime interval is wider than the fixed design's."""
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal(10), rng.standard_normal(10)
    fixed, anytime = compare(a, b), sequential(a, b)
    assert anytime.high - anytime.low > 0.9 * (fixed.high - fixed.low)
    assert anytime.estimate == pytest.approx(fixed.estimate)


def test_interval_is_where_the_e_value_stays_below_its_threshold():
    """At the edge of the interval, the guard's factor over the e-value equals alpha."""
    rng = np.random.default_rng(8)
    contrast = safe_contrast(rng.standard_normal(9), rng.standard_normal(9) + 1.0)
    for edge in contrast.interval(0.05):
        assert contrast.p_path(float(edge))[-1] == pytest.approx(0.05, rel=1e-6)


def test_waiting_seeds_and_too_few():
    """Seeds without a partner wait; fewer than three pairs never decide."""
    a, b = np.arange(10.0), np.arange(10.0) + 50.0
    assert sequential(a, b[:6]).p == sequential(a[:6], b[:6]).p
    assert sequential(a[:2], b[:2]).verdict is Verdict.INCONCLUSIVE


def test_signs_decide_when_runs_diverge():
    """Fourteen of fifteen pairs on one side and one diverged are decided by betting; the lost pair counts against."""
    a, b = [*np.arange(14.0), NAN], np.arange(15.0) + 50.0
    effect = sequential(a, b)
    assert (effect.verdict, effect.test, effect.lost) == (Verdict.REPRODUCED, Test.SIGN_BETS, (1, 0))
    assert effect.p > sequential(np.arange(15.0), b, scale="probability").p
    assert sequential([NAN] * 10, b).verdict is Verdict.INCONCLUSIVE


def test_constants_bands_and_refusals():
    """A constant is one sample; a band is shown by pairs too; an unknown scale is refused."""
    rng = np.random.default_rng(2)
    values = 5.0 + 0.1 * rng.standard_normal(12)
    assert sequential(values, 4.0, "greater").verdict is Verdict.REPRODUCED
    assert equivalent(values, 5.0, 1.0, anytime=True).verdict is Verdict.REPRODUCED
    with pytest.raises(VitworkError):
        sequential(values, values, scale="sum")


def test_seeds_without_spread_are_no_evidence():
    """Equal differences have no noise to be measured against and decide nothing."""
    assert sequential([1.0] * 10, [2.0] * 10).obstacle is Obstacle.NO_SPREAD
    values = np.random.default_rng(0).standard_normal(10)
    alike = sequential(values + 1.1, values + 0.3)  # but for rounding
    assert (alike.verdict, alike.p, alike.obstacle) == (Verdict.INCONCLUSIVE, 1.0, Obstacle.NO_SPREAD)
