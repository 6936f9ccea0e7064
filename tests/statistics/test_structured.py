"""Trends, orders, rank correlations and claims of no difference."""

import numpy as np
import pytest
from scipy import stats

from vitwork.errors import VitworkError
from vitwork.statistics import compare, equivalent, ordering, trend
from vitwork.statistics.contrasts import student
from vitwork.statistics.effect import Obstacle, Test, Verdict

RNG = np.random.default_rng(0)


def arms(*means, n=6, noise=0.3):
    return [mean + noise * RNG.standard_normal(n) for mean in means]


def test_slope_is_the_least_squares_slope():
    """The estimate is scipy's regression slope over all seeds when arms have equal numbers of seeds."""
    levels = [0.0, 1.0, 3.0, 4.0]
    values = arms(5.0, 4.0, 2.5, 1.0)
    expected = stats.linregress(np.repeat(levels, 6), np.concatenate(values)).slope
    assert trend(values, levels=levels).estimate == pytest.approx(expected, rel=1e-10)


def test_trend_of_two_arms_is_their_comparison():
    """With two arms the trend's p-value is the two-sample one."""
    a, b = arms(1.0, 2.0)
    assert trend([a, b]).p == pytest.approx(float(student(a, b).p(0.0)), rel=1e-10)


def test_trend_verdicts():
    """A falling quantity reproduces `less`, contradicts `greater`; flat arms are open."""
    falling = arms(4.0, 3.0, 2.0, 1.0)
    assert trend(falling, "less").verdict is Verdict.REPRODUCED
    assert trend(falling, "greater").verdict is Verdict.CONTRADICTED
    flat = [np.array([0.1, -0.1, 0.05, 0.0, -0.05])] * 4
    assert trend(flat).verdict is Verdict.INCONCLUSIVE


def test_trend_answers_bad_data_and_refuses_bad_questions():
    """A diverged run, too few seeds and no spread leave a trend open; one arm or equal levels are refused."""
    good = arms(1.0, 2.0, 3.0)
    assert trend([*good[:2], [1.0, None, 2.0]]).obstacle is Obstacle.UNKNOWN_VALUE
    assert trend([[1.0, 2.0], *good]).obstacle is Obstacle.FEW_SEEDS
    assert trend([[1.0] * 4, [2.0] * 4]).obstacle is Obstacle.NO_SPREAD
    for bad in ({"arms": good[:1]}, {"arms": good, "levels": [1, 1, 1]}, {"arms": good, "levels": [1, 2]}):
        with pytest.raises(VitworkError):
            trend(**bad)


def test_order_needs_every_step():
    """Four clear steps are reproduced; one weak step leaves the order open; one reversed step contradicts it."""
    clear = ordering(arms(0.0, 3.0, 6.0, 9.0))
    assert (clear.verdict, clear.steps) == (Verdict.REPRODUCED, 3)
    tie = np.array([0.1, -0.1, 0.2, -0.2, 0.05, 0.0])
    assert ordering([tie, tie + 3.0, tie[::-1] + 3.0]).verdict is Verdict.INCONCLUSIVE
    reversed_ = ordering(arms(0.0, 6.0, 3.0, 9.0))
    assert reversed_.verdict is Verdict.CONTRADICTED
    assert (reversed_.steps, reversed_.weakest) == (3, 2)
    assert ordering(arms(9.0, 6.0, 3.0), "greater").verdict is Verdict.REPRODUCED


def test_order_passes_on_what_could_not_be_tested():
    """A step without a test, or with too few seeds to decide, is what the order reports; one arm is refused."""
    untested = ordering([*arms(2.0, 3.0), [4.0]])
    assert (untested.verdict, untested.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.FEW_SEEDS)
    assert (untested.steps, untested.weakest) == (2, 2)
    two = ordering([[0.0, 0.001], *arms(900.0, 903.0)])
    assert (two.verdict, two.obstacle) == (Verdict.INCONCLUSIVE, Obstacle.FEW_SEEDS)
    with pytest.raises(VitworkError):
        ordering(arms(1.0))


def test_an_orders_interval_is_clear_exactly_where_it_is_decided():
    """Whatever the steps, the interval shown lies on the verdict's side of no difference, and on both where undecided."""
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(150):
        means = np.cumsum(rng.choice((-1.2, 0.3, 2.0, 2.0, 2.0, 2.0), 4))
        found = ordering([mean + 0.4 * rng.standard_normal(5) for mean in means])
        side = {(True, False): Verdict.REPRODUCED, (False, True): Verdict.CONTRADICTED}
        assert found.verdict is side.get((found.high < 0.0, found.low > 0.0), Verdict.INCONCLUSIVE)
        seen.add(found.verdict)
    assert len(seen) == 3


def test_claims_of_no_difference():
    """Inside the band is reproduced, outside contradicted, in between and with too few seeds open."""
    a = np.array([0.1, -0.1, 0.2, -0.2, 0.05])
    assert equivalent(a, a[::-1] + 0.1, 2.0).verdict is Verdict.REPRODUCED
    assert equivalent(a, a[::-1] + 9.0, 2.0).verdict is Verdict.CONTRADICTED
    assert equivalent(a, a[::-1] + 2.1, 2.0).verdict is Verdict.INCONCLUSIVE
    assert equivalent(a[:1], a, 2.0).verdict is Verdict.INCONCLUSIVE
    assert (equivalent(a, a, 2.0).band, equivalent(a, a, 2.0).by_band) == (2.0, True)


def test_bands_that_cannot_be_tested_are_refused():
    """An empty band, and one that reaches below a probability of 0, raise an error."""
    for band, scale in ((0.0, "difference"), (0.5, "probability")):
        with pytest.raises(VitworkError):
            equivalent([1.0, 2.0, 3.0], 0.0, band, scale=scale)


def test_an_order_that_one_step_speaks_against_takes_more_seeds():
    """Against an order a step is judged more strictly, and the seeds named reckon with that."""
    a = np.array([0.1, -0.1, 0.2, -0.2, 0.05, 0.0])
    against = ordering([a + 0.3, a[::-1], a + 30.0], alpha=0.01)
    assert against.verdict is Verdict.INCONCLUSIVE
    assert against.weakest == 1
    assert against.seeds_needed > compare(a + 0.3, a[::-1], alpha=0.01).seeds_needed


def test_seeds_for_a_band_reckon_with_its_nearer_edge():
    """The nearer an effect lies to the edge of the band, the more seeds it takes to show on which side it lies."""
    a = np.array([0.1, -0.1, 0.2, -0.2, 0.05])
    inner, outer = (equivalent(a, a[::-1] + shift, 0.9).seeds_needed for shift in (0.75, 0.8))
    assert outer > inner > 5


def test_a_band_without_spread_has_its_own_obstacle():
    """Arms in which no seed differs show no band, and the effect says why."""
    found = equivalent([0.0] * 9, [1.0] * 9, 5.0)
    assert (found.verdict, found.test, found.obstacle) == (Verdict.INCONCLUSIVE, Test.PERMUTATION, Obstacle.NO_SPREAD)


def test_equivalence_is_the_interval_inside_the_band():
    """The smallest band that is shown is the interval's far edge."""
    a, b = arms(0.0, 0.2)
    edge = max(abs(v) for v in (equivalent(a, b, 1.0).low, equivalent(a, b, 1.0).high))
    assert equivalent(a, b, edge * 1.001).verdict is Verdict.REPRODUCED
    assert equivalent(a, b, edge * 0.999).verdict is Verdict.INCONCLUSIVE
