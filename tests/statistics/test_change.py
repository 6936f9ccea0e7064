"""The change of an effect against an earlier one."""

from dataclasses import replace

import numpy as np
import pytest

from vitwork.statistics import compare, trend
from vitwork.statistics.change import SampledEffect, effect_change
from vitwork.statistics.effect import Test, Verdict

RNG = np.random.default_rng(0)


def sampled(a, b, scale="difference", *, paired=False):
    effect = compare(a, b, scale=scale, paired=paired)
    if np.ndim(b) == 0:
        return SampledEffect(effect, [a], [1.0], constant=b)
    return SampledEffect(effect, [a, b], [1.0, -1.0], paired=paired)


def test_one_arm_measured_in_two_ways_is_one_sample_of_differences():
    """Where both sides are the same networks, what they share cancels, also from the error of the change."""
    rng = np.random.default_rng(4)

    def entry(shift):
        shared = 10.0 * rng.standard_normal(8)
        return sampled(shared + 0.1 * rng.standard_normal(8) + shift, shared, paired=True)

    old, new = entry(0.0), entry(1.0)
    changed = effect_change(old, new)
    assert changed.verdict is not Verdict.INCONCLUSIVE
    assert changed.estimate == pytest.approx(1.0, abs=0.3)
    apart = effect_change(replace(old, paired=False), replace(new, paired=False))  # the networks' spread hides it
    assert apart.verdict is Verdict.INCONCLUSIVE


def test_change_is_the_difference_of_effects():
    """The estimate of a change is the difference of the two estimates, also for one-sample and log scales."""
    a, b, c, d = np.exp(RNG.standard_normal((4, 6)))
    for scale, right in (("difference", (b, d)), ("log-ratio", (b, d)), ("difference", (1.0, 1.0))):
        old, new = sampled(a, right[0], scale), sampled(c, right[1], scale)
        assert effect_change(old, new).estimate == pytest.approx(new.effect.estimate - old.effect.estimate)


def test_a_slope_changes_by_the_difference_of_slopes():
    """The samples of a trend are weighted as its slope is."""
    weights = [-0.5, 0.0, 0.5]
    old, new = ([RNG.standard_normal(5) + rise * level for level in range(3)] for rise in (1.0, 9.0))
    change = effect_change(*(SampledEffect(trend(arms), arms, weights) for arms in (old, new)))
    assert change.estimate == pytest.approx(trend(new).estimate - trend(old).estimate)
    assert change.test is Test.WELCH
    assert change.verdict is not Verdict.INCONCLUSIVE


def test_intervals_serve_where_seeds_do_not():
    """Without seeds, or against another constant, the intervals decide, and agree with the seeds on a plain case."""
    old = sampled(RNG.standard_normal(8), RNG.standard_normal(8))
    new = sampled(RNG.standard_normal(8), RNG.standard_normal(8) + 20.0)
    seeds, intervals = effect_change(old, new), effect_change(SampledEffect(old.effect), SampledEffect(new.effect))
    assert intervals.estimate == pytest.approx(seeds.estimate)
    assert intervals.verdict is seeds.verdict
    assert (seeds.test, intervals.test) == (Test.WELCH, Test.INTERVALS)
    values = RNG.standard_normal(8)
    assert effect_change(sampled(values, 0.0), sampled(values, 1.0)).estimate == pytest.approx(-1.0)
    assert effect_change(sampled(values, 0.0), sampled(values, 1.0)).test is Test.INTERVALS


def test_what_cannot_be_compared_is_not():
    """Another scale, an interval without end or too few seeds give no test and no crash."""
    plain = sampled(RNG.standard_normal(5), RNG.standard_normal(5))
    assert effect_change(plain, replace(plain, effect=replace(plain.effect, scale="log-ratio"))) is None
    assert effect_change(plain, sampled([None] * 5, RNG.standard_normal(5))) is None
    assert effect_change(plain, sampled([1.0, 2.0], RNG.standard_normal(5))) is None


def test_equal_samples_show_no_change():
    """The same numbers again change by nothing, with p = 1."""
    plain = sampled(RNG.standard_normal(5), RNG.standard_normal(5))
    same = effect_change(plain, plain)
    assert (same.estimate, same.p, same.verdict) == (0.0, 1.0, Verdict.INCONCLUSIVE)
