"""Random-effects summaries against statsmodels."""

import math

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from vitwork.errors import VitworkError
from vitwork.statistics.effect import Verdict
from vitwork.statistics import compare, meta, summarise
from vitwork.statistics.decision import Question
from vitwork.statistics.meta import standard_error

Y = np.array([-1.2, -0.4, -2.1, -0.9, -1.6])
SE = np.array([0.2, 0.3, 0.25, 0.2, 0.35])


def test_heterogeneity_and_mean_are_statsmodels():
    """tau, Q, I squared and the weighted mean equal statsmodels' Paule-Mandel summary."""
    expected = combine_effects(Y, SE**2, method_re="iterated", use_t=True)
    found = summarise(Y, SE)
    assert found.tau**2 == pytest.approx(expected.tau2, rel=1e-4)
    assert found.q == pytest.approx(expected.q, rel=1e-9)
    assert found.i_squared == pytest.approx(expected.i2, rel=1e-9)
    assert found.effect.estimate == pytest.approx(expected.mean_effect_re, rel=1e-5)


def test_hartung_knapp_interval_is_statsmodels():
    """The weighted part of the contrast has statsmodels' Hartung-Knapp standard error where it is the wider one."""
    errors = np.array([0.9, 0.2, 0.25, 0.3, 0.8])
    values = np.array([-1.2, -0.4, -0.5, -0.3, -2.6])
    expected = combine_effects(values, errors**2, method_re="iterated", use_t=True)
    low, high = expected.conf_int(use_t=True)[1]
    found = summarise(values, errors)
    assert found.effect.low <= low + 1e-6
    assert found.effect.high >= high - 1e-6


def test_plain_test_has_a_veto():
    """The p-value is never smaller than that of the unweighted t-test over settings."""
    from scipy import stats

    assert summarise(Y, SE).effect.p >= stats.ttest_1samp(Y, 0.0).pvalue - 1e-12


def test_homogeneous_settings_have_no_tau():
    """Equal effects have no heterogeneity and the classical standard error."""
    found = summarise([1.0, 1.0, 1.0], [0.1, 0.2, 0.1])
    assert found.tau == 0.0
    assert found.i_squared == 0.0
    assert sum(found.weights) == pytest.approx(1.0)


def test_verdict_and_prediction():
    """Five settings on the paper's side reproduce the claim; the prediction is wider than the interval."""
    found = summarise(Y, SE)
    assert found.effect.verdict is Verdict.REPRODUCED
    assert summarise(Y, SE, Question("greater")).effect.verdict is Verdict.CONTRADICTED
    assert found.prediction[0] < found.effect.low
    assert found.effect.n_a == 5


def test_prediction_has_one_degree_of_freedom_less_than_the_mean():
    """Higgins, Thompson & Spiegelhalter (2009): t with k - 2 degrees of freedom; of two settings nothing is predicted."""
    from scipy import stats

    found = summarise([0.0, 1.0, 2.0], [1e-6] * 3)  # tau² is the variance, and the mean's squared error a third of it
    reach = stats.t.ppf(0.975, 1) * math.sqrt(1.0 + 1.0 / 3.0)
    assert found.prediction == pytest.approx((1.0 - reach, 1.0 + reach), rel=1e-4)
    assert summarise([1.0, 2.0], [0.1, 0.1]).prediction == (-math.inf, math.inf)


def test_two_settings_never_decide():
    """Two settings are summarised but not decided; one or a zero error is refused."""
    assert summarise([-5.0, -5.1], [0.1, 0.1]).effect.verdict is Verdict.INCONCLUSIVE
    for estimates, errors in (([1.0], [0.1]), ([1.0, 2.0], [0.0, 0.1]), ([1.0, math.nan], [0.1, 0.1])):
        with pytest.raises(VitworkError):
            summarise(estimates, errors)


def test_effects_of_profiles():
    """Effects of comparisons are summarised; different questions are refused; too few give none."""
    rng = np.random.default_rng(0)
    effects = [compare(rng.standard_normal(5), rng.standard_normal(5) + shift) for shift in (5.0, 6.0, 5.5, 6.5)]
    assert meta(effects).effect.verdict is Verdict.REPRODUCED
    assert meta(effects[:1]) is None
    with pytest.raises(VitworkError):
        meta([effects[0], compare([1.0, 2.0, 3.0], 0.0, "greater")])
    assert math.isnan(standard_error(compare([1.0], [2.0])))
