"""Seeds needed and smallest detectable effect."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from vitwork.statistics import detectable, seeds_needed
from vitwork.statistics.contrasts import PLAIN, student


@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 15])
def test_smallest_effect_has_the_stated_power(n, alpha):
    """Simulated pairs of arms at the smallest detectable effect are decided in about 80 % (75 to 92)."""
    a, b = np.random.default_rng(n).standard_normal((2, 4000, n))
    effect = detectable(n, alpha)
    assert 0.75 < (student(a + effect, b).p(0.0) <= alpha).mean() < 0.92


def test_one_arm_agrees_with_statsmodels():
    """Without a penalty the one-sample plan is within a tenth of statsmodels' exact power calculation."""
    for n in (6, 12, 30):
        exact = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
        assert detectable(n, 0.05, penalty=1.0, arms=1) == pytest.approx(exact, rel=0.1)


def test_seeds_invert_the_smallest_effect():
    """The seeds needed are the fewest whose smallest detectable effect is below the effect."""
    for effect in (0.4, 1.0, 2.5, 6.0):
        n = seeds_needed(effect, 0.01, penalty=2.0)
        assert detectable(n, 0.01, penalty=2.0) <= effect
        assert n == 3 or detectable(n - 1, 0.01, penalty=2.0) > effect


def test_hopeless_effects_have_no_number():
    """No effect, or one that a thousand seeds cannot show, has no number of seeds; two seeds show nothing."""
    assert seeds_needed(0.0) is None
    assert seeds_needed(1e-3) is None
    assert seeds_needed(float("nan")) is None
    assert detectable(2) == float("inf") > detectable(3)


def test_one_arm_expects_the_full_penalty():
    """Against a constant the plan counts with the penalty that one arm always pays."""
    assert detectable(8, arms=1) == detectable(8, penalty=1.0 + PLAIN.blind, arms=1)
    assert detectable(8) > detectable(8, penalty=1.0)
